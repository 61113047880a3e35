package creds_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/sympath/creds"
)

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func at(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A credential is found for its own scheme, host and port and for no other.
func TestFinder_bound(t *testing.T) {
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine files login bob password n3\ndefault login all password d4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := creds.New(creds.Config{
		Getenv: env(map[string]string{
			"SYMRES_AUTH": `https://web=ann:a1 smb://share=CORP\ann:s2 http://plain:8080=x:y:z`, "NETRC": netrc,
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]string{
		"https://web":        "ann a1",
		"HTTPS://WEB:443":    "ann a1",
		"http://web":         "",
		"https://web:8443":   "",
		"https://web.evil":   "",
		"smb://share":        `CORP\ann s2`,
		"smb://SHARE:445":    `CORP\ann s2`,
		"https://share":      "",
		"http://plain:8080":  "x y:z",
		"https://files":      "bob n3",
		"smb://files":        "bob n3",
		"http://files":       "",
		"https://other.test": "", // the default of netrc is for everybody, so for nobody
	} {
		got := ""
		c, err := f.Find(context.Background(), at(t, origin))
		if c != nil {
			got = c.User + " " + c.Password
		}
		if got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", origin, got, err, want)
		}
	}
}

func TestFinder_asksOnce(t *testing.T) {
	asked := map[string]int{}
	f, err := creds.New(creds.Config{Ask: func(_ context.Context, origin string) (*creds.Credential, error) {
		asked[origin]++
		if origin == "smb://locked:445" {
			return nil, errors.New("the vault is shut")
		}
		return &creds.Credential{User: "ann"}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if c, err := f.Find(context.Background(), at(t, "smb://open")); err != nil || c.User != "ann" {
			t.Errorf("%v, %v", c, err)
		}
	}
	if asked["smb://open:445"] != 1 {
		t.Errorf("asked %v", asked)
	}
	if _, err := f.Find(context.Background(), at(t, "smb://locked")); err == nil || !strings.Contains(err.Error(), "the vault is shut") {
		t.Error(err)
	}
}

// No format and no error shows a secret.
func TestRedacted(t *testing.T) {
	c := creds.Credential{User: "ann", Password: "hunter2"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if s := fmt.Sprintf(format, c) + fmt.Sprintf(format, &c) + fmt.Sprintf(format, struct{ C creds.Credential }{c}); strings.Contains(s, "hunter2") {
			t.Errorf("%s shows %s", format, s)
		}
	}
	gpg := filepath.Join(t.TempDir(), "netrc.gpg")
	for _, vars := range []map[string]string{
		{"SYMRES_AUTH": "https://web=hunter2"}, {"SYMRES_AUTH": "hunter2"}, {"NETRC": gpg}, {"NETRC": gpg + ".not"},
	} {
		if _, err := creds.New(creds.Config{Getenv: env(vars)}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v", vars, err)
		}
	}
}

func Example() {
	f, _ := creds.New(creds.Config{Ask: func(context.Context, string) (*creds.Credential, error) {
		return &creds.Credential{User: `CORP\ann`, Password: "secret"}, nil
	}})
	c, err := f.Find(context.Background(), &url.URL{Scheme: "smb", Host: "files"})
	fmt.Println(c, err)
	// Output: user CORP\ann <nil>
}
