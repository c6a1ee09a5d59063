package record

// Form is what a multipart request (RFC 7578) says, in the form in which it is
// kept: the files themselves go elsewhere.
type Form struct {
	// JSON is a compact object of the fields in their order, texts all of them;
	// one that is there again, or whose name ends in [], is an array. A file is
	// {"filename","content_type","length","sha256","index"}.
	JSON  string
	Files []File
	// Reason says why not all of the body could be read; "" if it could.
	Reason string
}

// File is a file of a multipart request.
type File struct {
	Name        string // of the form's field
	Filename    string // as the client spelled it, path and all
	ContentType string // of the part; "" when it has none
	Length      int64  // bytes
	SHA256      string // of them, in hexadecimal
	Index       int    // among the form's files, from 0
}
