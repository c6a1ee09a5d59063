package fault

// Problem is one mistake in a configuration: where it stands, what is wrong
// there, and the mend. Validation gives all of them at once.
type Problem struct {
	// Path is the field, as in "backends[2].url".
	Path string
	// Message says what is wrong. It never quotes a secret.
	Message string
	// Hint says what would be right.
	Hint string
}
