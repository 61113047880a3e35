package creds_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symres/symres/sympath/creds"
)

// withNetrc is a Finder for a netrc file of that text.
func withNetrc(t testing.TB, text string) (*creds.Finder, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return creds.New(creds.Config{Netrc: name})
}

func find(t testing.TB, f *creds.Finder, scheme, host string) *creds.Credential {
	t.Helper()
	c, err := f.Find(context.Background(), &url.URL{Scheme: scheme, Host: host})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNetrc: what a file says of the machine "web", as user and password; "-"
// is nothing, and "!" a file that cannot be read.
func TestNetrc(t *testing.T) {
	for text, want := range map[string]string{
		"machine web login ann password a1":                                                 "ann a1",
		"machine web\n\tlogin ann\r\n\tpassword a1\r\n":                                     "ann a1",
		"machine WEB password a1 login ann":                                                 "ann a1",
		"machine other login x password y machine web login ann password a1":                "ann a1",
		"machine web login ann password a1 machine web login bob password b2":               "ann a1",
		"default login x password y\nmachine web login ann password a1":                     "ann a1",
		"machine web login ann password a1\ndefault login x password y":                     "ann a1",
		"# machine web login x password y\nmachine web login ann # no\npassword a1":         "ann a1",
		"machine web login ann password a#1":                                                "ann a#1",
		`machine web login "an n" password "a\"\\\t1"`:                                      "an n a\"\\\t1",
		`machine web login "" password token`:                                               " token",
		"machine web login ann account acct password a1":                                    "ann a1",
		"machine web port 21 login ann password a1":                                         "ann a1",
		"machine web login ann password a1\nmacdef init\nmachine web\nlogin x\n\nmachine z": "ann a1",
		"macdef m\r\nmachine web login x\r\n\r\nmachine web login ann password a1":          "ann a1",
		"machine web":                     " ",
		"machine web machine z login ann": " ",
		"login ann password a1":           "-",
		"default login x password y":      "-",
		"machine web.evil login x":        "-",
		"":                                "-",
		"#":                               "-",
		"machine":                         "!",
		"machine \n":                      "!",
		"machine web login":               "!",
		`machine web password "a1`:        "!",
		`machine web password "a1\`:       "!",
	} {
		f, err := withNetrc(t, text)
		got := "!"
		if err == nil {
			got = "-"
			if c := find(t, f, "https", "web"); c != nil {
				got = c.User + " " + c.Password
			}
		}
		if got != want {
			t.Errorf("%q: %q (%v), want %q", text, got, err, want)
		}
	}
}

// FuzzNetrc: whatever is in the file, an error does not quote it, and a
// credential is given only to a machine that is named in it, with words that
// are in it, and never over http.
func FuzzNetrc(f *testing.F) {
	for _, s := range []string{
		"machine web login ann password a1", "machine", "machine \n", "default login x password y", "macdef m\nx\n\nmachine web",
		`machine web login "a\n" password "b`, "machine web#1 login #x\n", "a# machine web login ann # x", "machine web login",
	} {
		f.Add(s, "web")
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		finder, err := withNetrc(t, text)
		if err != nil {
			if err.Error() != "netrc: cannot be parsed" {
				t.Fatalf("%v", err)
			}
			return
		}
		if c := find(t, finder, "http", host); c != nil {
			t.Errorf("%v for http", c)
		}
		u := &url.URL{Scheme: "https", Host: host}
		c := find(t, finder, "https", host)
		if c == nil {
			return
		}
		plain := !strings.ContainsAny(text, `\`)
		for _, part := range []string{c.User, c.Password} {
			if plain && !strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), part) {
				t.Errorf("%q is not in the file", part)
			}
		}
		if plain && !strings.Contains(strings.ToLower(text), strings.ToLower(u.Hostname())) || !strings.Contains(text, "machine") {
			t.Errorf("the file does not name %q", u.Hostname())
		}
	})
}

// FuzzAuth: SYMRES_AUTH is read whole or not at all, no error quotes it, and
// each credential is for the origin it was given for and for no other.
func FuzzAuth(f *testing.F) {
	for _, s := range []string{
		`https://web=ann:a1 smb://share=CORP\ann:s2`, "https://web=hunter2", "hunter2", "https://=a:b", "https://web:8443=:token",
		"http://[::1]:80=x:y", "HTTPS://WEB=a=b:c=d:e", "https://u:p@web/x?q=1#f=a:b", "  ",
	} {
		f.Add(s)
	}
	complaint := regexp.MustCompile(`^SYMRES_AUTH, word \d+: want https://host=user:password or smb://host=user:password$`)
	f.Fuzz(func(t *testing.T, auth string) {
		none := filepath.Join(t.TempDir(), "netrc")
		if err := os.WriteFile(none, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		finder, err := creds.New(creds.Config{Netrc: none, Getenv: func(name string) string {
			return map[string]string{"SYMRES_AUTH": auth}[name]
		}})
		if err != nil {
			if !complaint.MatchString(err.Error()) {
				t.Fatal(err)
			}
			return
		}
		secrets := map[string]string{} // by origin; the last word counts
		for _, word := range strings.Fields(auth) {
			at, secret, _ := strings.Cut(word, "=")
			u, err := url.Parse(at)
			if err != nil || u.Host == "" || !strings.Contains(secret, ":") {
				t.Fatalf("%q was accepted", word)
			}
			secrets[creds.Origin(u)] = secret
		}
		for origin, secret := range secrets {
			u, err := url.Parse(origin)
			if err != nil {
				continue // a host that is none; nobody can ask for it
			}
			if c := find(t, finder, u.Scheme, u.Host); c == nil || c.User+":"+c.Password != secret {
				t.Errorf("%s: %v", origin, c)
			}
			elsewhere := &url.URL{Scheme: u.Scheme, Host: u.Hostname() + ":7"}
			if _, given := secrets[creds.Origin(elsewhere)]; !given && find(t, finder, elsewhere.Scheme, elsewhere.Host) != nil {
				t.Errorf("%s has a credential of %s", elsewhere, origin)
			}
		}
	})
}
