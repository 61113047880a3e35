package serve_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/symres/symres/serve"
)

// FuzzParseTokens: tokens that are read are as many as there are lines, and each has
// rights.
func FuzzParseTokens(f *testing.F) {
	f.Add(fmt.Sprintf("# a\n\n%x read,upload a label\n", sha256.Sum256([]byte("x"))))
	f.Add("0 read")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := serve.ParseTokens(strings.NewReader(text))
		if err != nil && tokens != nil {
			t.Errorf("tokens with an error: %v", err)
		}
		for _, token := range tokens {
			if token.Rights == 0 || !strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", token.SHA256)) {
				t.Errorf("%+v is not in %q", token, text)
			}
		}
	})
}

// TestParseTokens: what is wrong is told with its line.
func TestParseTokens(t *testing.T) {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("x")))
	for text, want := range map[string]string{
		"\nx read a": "line 2: the first word is no SHA-256", sum + " write a": "line 1: the rights are", sum: "line 1: want a SHA-256",
	} {
		if _, err := serve.ParseTokens(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	tokens, err := serve.ParseTokens(strings.NewReader(sum + " read,upload of the team\n"))
	if err != nil || len(tokens) != 1 || tokens[0] != serve.NewToken("x", serve.RightRead|serve.RightUpload, "of the team") {
		t.Errorf("%+v, %v", tokens, err)
	}
}
