//go:build race

package e2e

// raceDetector says whether the program under test is built with it, as the
// tests were.
const raceDetector = true
