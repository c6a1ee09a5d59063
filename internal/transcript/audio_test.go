package transcript

import (
	"strings"
	"testing"
)

// TestSubtitles: of subtitles stays what is said, and a block of any length takes
// time in proportion.
func TestSubtitles(t *testing.T) {
	for body, want := range map[string]string{
		" plain\ntext\n": `{"text":"plain\ntext"}`,
		"WEBVTT\n\n00:01 --> 00:02\nOne\ntwo\n\n\n2\n00:02 --> 00:03\n three \n": `{"text":"One\ntwo\nthree"}`,
		"1\r\n00:01 --> 00:02\r\nOne\r\n \r\n2\r\n00:02 --> 00:03\r\ntwo":        `{"text":"One\ntwo"}`,
		"NOTE\nno cue\n\n--> \n\n": `{"text":""}`,
	} {
		if got := transcriptPlain(body); got != want {
			t.Errorf("%q gives %s, want %s", body, got, want)
		}
	}
	long := strings.Repeat("a\n", 2<<20)
	if got := transcriptPlain("-->\n" + long); len(got) != len(`{"text":""}`)+len(long)/2*3-2 {
		t.Errorf("a long block gives %d bytes", len(got))
	}
}
