package cli

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/symres/symres/vadmath"
)

// anyImage stands in a .reload command for an image whose name is not known.
const anyImage = "X"

// vadObject is a line of vpn.
type vadObject struct {
	Address    string `json:"address,omitempty"` // of the descriptor, with its level and commit charge
	Level      *int   `json:"level,omitempty"`
	Commit     *int64 `json:"commit,omitempty"`
	StartVPN   string `json:"start_vpn"`
	EndVPN     string `json:"end_vpn"`
	Base       string `json:"base"`
	Size       string `json:"size"`
	Type       string `json:"type,omitempty"`
	View       string `json:"view,omitempty"`
	Protection string `json:"protection,omitempty"`
	File       string `json:"file,omitempty"`
	Reload     string `json:"reload,omitempty"`
	Process    string `json:"process,omitempty"` // and its PID, where it was not asked for
	PID        uint64 `json:"pid,omitempty"`
}

// vpnOne prints what one range of pages comes to.
func (a *app) vpnOne(o *vpnOptions, size vadmath.PageSize, e vadmath.Entry) error {
	r, err := e.Reload(size)
	if err != nil {
		return usage(err)
	}
	a.nameReload(o, &r)
	if a.console.json {
		a.console.object(newVADObject(e, r))
		return nil
	}
	a.console.line("base %s", vadmath.FormatAddr(r.Base, 0))
	a.console.line("size %x", r.Size)
	a.console.line("%s", r)
	return nil
}

// nameReload gives the command an image name, and warns of a base that no
// image has.
func (a *app) nameReload(o *vpnOptions, r *vadmath.Reload) {
	if r.Image == "" {
		r.Image = o.image
	}
	if r.Image == "" {
		r.Image = anyImage
	}
	for _, w := range r.Warnings() {
		a.console.warn("%s: %s", r.Image, w)
	}
}

func newVADObject(e vadmath.Entry, r vadmath.Reload) vadObject {
	o := vadObject{
		StartVPN: hexString(uint64(e.Pages.Start)), EndVPN: hexString(uint64(e.Pages.End)), Base: hexString(r.Base),
		Size: hexString(r.Size), Type: e.Type.String(), View: e.View.String(), Protection: e.Protection, File: e.File,
	}
	if e.Address != 0 {
		o.Address, o.Level, o.Commit = hexString(e.Address), &e.Level, &e.Commit
	}
	if r.Image != "" && (e.Type == vadmath.TypeImage || e.Type == vadmath.TypeUnknown) {
		o.Reload = r.String()
	}
	return o
}

// vpnListing prints the command for every image of a pasted listing. What is
// damaged in it is told of and does not keep the rest from being printed.
func (a *app) vpnListing(o *vpnOptions, size vadmath.PageSize, in io.Reader) error {
	var entries []vadmath.Entry
	var failed error
	for e, err := range vadmath.ParseListing(in) {
		switch {
		case errors.Is(err, vadmath.ErrNoEntries):
			return notFound(err)
		case errors.Is(err, context.Canceled):
			return err
		case err != nil:
			a.report(err)
			failed = err
		default:
			entries = append(entries, e)
		}
	}
	images := 0
	for _, e := range vadmath.Merge(entries) {
		if e.Type == vadmath.TypeImage {
			images++
		}
		if err := a.vpnEntry(o, size, e); err != nil {
			a.report(err)
			failed = err
		}
	}
	switch {
	case failed != nil:
		return reported(exitUsage)
	case images == 0:
		return notFound(errors.New("no image is mapped in this listing"))
	case !a.console.json && slices.ContainsFunc(entries, isNameless):
		a.console.note("%s stands for the file name of an image; !vad with its address, or a newer debugger, shows it", anyImage)
	}
	return nil
}

func isNameless(e vadmath.Entry) bool { return e.Type == vadmath.TypeImage && e.Image() == "" }

// vpnEntry prints one entry: with --json each of them, else only images.
func (a *app) vpnEntry(o *vpnOptions, size vadmath.PageSize, e vadmath.Entry) error {
	if e.Type != vadmath.TypeImage && !a.console.json {
		return nil
	}
	r, err := e.Reload(size)
	if err != nil {
		return err
	}
	if e.Type == vadmath.TypeImage {
		a.nameReload(o, &r)
		if s, ok := e.PageSize(); ok && s != size {
			a.console.warn("%s: the debugger that printed this used pages of %d KB", r.Image, s>>10)
		}
	}
	if a.console.json {
		a.console.object(newVADObject(e, r))
		return nil
	}
	a.console.line("%s", r)
	return nil
}
