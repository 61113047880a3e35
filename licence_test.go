package symres_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// licences that may be linked, each by a sentence that only its text has. The
// BSD ones differ in clauses, not in kind.
var licences = map[string]*regexp.Regexp{
	"MIT":        regexp.MustCompile(`Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files`),
	"BSD":        regexp.MustCompile(`Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met`),
	"Apache-2.0": regexp.MustCompile(`(?i)Apache License,? Version 2\.0, January 2004`),
	"ISC":        regexp.MustCompile(`Permission to use, copy, modify, and/?(or)? distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice`),
	"MPL-2.0":    regexp.MustCompile(`(?i)Mozilla Public License,? Version 2\.0`),
}

// foreign are sentences of licences that may not be linked, wherever in the
// texts of a module they stand.
var foreign = regexp.MustCompile(`(?i)GNU (Lesser |Library |Affero )?General Public License|Server Side Public License|Business Source License|Commons Clause|Eclipse Public License|European Union Public Licence|Common Development and Distribution License`)

// secondary is what MPL-2.0 says of the GNU licences, which puts nobody under them.
var secondary = regexp.MustCompile(`(?is)["“]?Secondary License["”]? means either the GNU General Public License.*?any later versions of those licenses`)

// licenceOf names the licence that texts put a module under, or says why it may
// not be linked.
func licenceOf(texts []string) (string, error) {
	name := ""
	for _, text := range texts {
		text = strings.Join(strings.Fields(text), " ")
		for _, known := range slices.Sorted(maps.Keys(licences)) {
			if licences[known].MatchString(text) && name == "" {
				name = known
			}
		}
		if hit := foreign.FindString(secondary.ReplaceAllString(text, "")); hit != "" {
			return "", errors.New("its texts name the " + hit)
		}
	}
	if name == "" {
		return "", errors.New("none of its texts is a licence that may be linked")
	}
	return name, nil
}

// licenceTexts reads the licences in a directory and in those above it, up to
// the root of its module.
func licenceTexts(t *testing.T, dir, root string) []string {
	t.Helper()
	name := regexp.MustCompile(`(?i)^(un)?(licen[cs]es?|copying|notice|copyright)([-._].*)?$`)
	var texts []string
	for ; strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !name.MatchString(e.Name()) || !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
	}
	return texts
}

// linked is a package in what go list -deps says.
type linked struct {
	ImportPath, Dir string
	Standard        bool
	Module          *struct {
		Path, Dir string
		Main      bool
		Replace   *struct{ Path string }
	}
}

func deps(t *testing.T, dir, goos string) []linked {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps: %v\n%s", err, stderr.String())
	}
	var all []linked
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p linked
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestLicences reads the licence of every package that the command, the
// library and the examples link, on each system that the gate builds for.
func TestLicences(t *testing.T) {
	for _, dir := range []string{".", "examples/delve"} { // which is a module of its own
		t.Run(dir, func(t *testing.T) {
			seen := map[string]bool{}
			for _, goos := range []string{"linux", "windows", "darwin"} {
				for _, p := range deps(t, dir, goos) {
					if !p.Standard && !seen[p.ImportPath] && p.Module != nil && !p.Module.Main && p.Module.Path != modulePath {
						seen[p.ImportPath] = true
						checkLicence(t, p)
					}
				}
			}
			if len(seen) < 10 {
				t.Errorf("only %d packages of others are linked; does go list work?", len(seen))
			}
		})
	}
}

func checkLicence(t *testing.T, p linked) {
	if p.Module.Replace != nil {
		t.Errorf("%s is replaced: who imports this module gets another", p.Module.Path)
	}
	if _, err := licenceOf(licenceTexts(t, p.Dir, p.Module.Dir)); err != nil {
		t.Errorf("%s: %v", p.ImportPath, err)
	}
}

// What TestLicences lets pass, and what it does not.
func TestLicences_kinds(t *testing.T) {
	const mit = "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this software and associated documentation files"
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"MIT":               {[]string{mit}, "MIT"},
		"MPL":               {[]string{"Mozilla Public License Version 2.0 ... \"Secondary License\" means either the GNU General Public License, Version 2.0, the GNU Lesser General Public License, Version 2.1, or any later versions of those licenses."}, "MPL-2.0"},
		"LGPL":              {[]string{"GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007"}, ""},
		"LGPL beside MIT":   {[]string{mit, "GNU Lesser General\nPublic License"}, ""},
		"AGPL":              {[]string{"GNU AFFERO GENERAL PUBLIC LICENSE"}, ""},
		"nothing":           {nil, ""},
		"a text of its own": {[]string{"You may use this on Sundays."}, ""},
		"public domain":     {[]string{"This is free and unencumbered software released into the public domain."}, ""},
	} {
		if got, err := licenceOf(c.texts); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}
