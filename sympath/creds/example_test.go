package creds_test

import (
	"context"
	"fmt"
	"net/url"

	"github.com/symres/symres/sympath/creds"
)

// A finder answers for the origin it was told of, and for no other.
func ExampleFinder_Find() {
	env := map[string]string{"SYMRES_AUTH": "https://dev.azure.com=:TOKEN"}
	f, err := creds.New(creds.Config{Getenv: func(name string) string { return env[name] }, Netrc: "testdata/netrc"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"https://dev.azure.com/org/_apis", "https://symbols.example.com/x", "http://symbols.example.com/x"} {
		u, _ := url.Parse(text)
		c, err := f.Find(context.Background(), u)
		fmt.Println(creds.Origin(u), c, err)
	}
	// Output:
	// https://dev.azure.com:443 user  <nil>
	// https://symbols.example.com:443 user joe <nil>
	// http://symbols.example.com:80 <nil> <nil>
}
