package pdb_test

import (
	"bytes"
	"errors"
	"iter"
	"reflect"
	"testing"

	"github.com/symres/symres/pdb"
)

// asked is what a method answered: its error, or the one that its sequence
// ended with. ok is false for methods that have none.
func asked(m reflect.Value, args []reflect.Value) (err error, ok bool) {
	out := m.Call(args)
	if len(out) == 0 {
		return nil, false
	}
	last := out[len(out)-1]
	failure := reflect.TypeFor[error]()
	switch {
	case last.Type() == failure:
		err, _ = last.Interface().(error)
		return err, true
	case last.Kind() == reflect.Func && last.Type().NumIn() == 1 && last.Type().In(0).NumIn() == 2 && last.Type().In(0).In(1) == failure:
		yield := reflect.MakeFunc(last.Type().In(0), func(in []reflect.Value) []reflect.Value {
			err, _ = in[1].Interface().(error)
			return []reflect.Value{reflect.ValueOf(true)}
		})
		last.Call([]reflect.Value{yield})
		return err, true
	}
	return nil, false
}

// arguments are some that a question can be asked with.
func arguments(m reflect.Type) (args []reflect.Value) {
	n := m.NumIn()
	if m.IsVariadic() {
		n--
	}
	for i := range n {
		v := reflect.New(m.In(i)).Elem()
		switch v.Kind() {
		case reflect.Uint32:
			v.SetUint(0x1012)
		case reflect.Int:
			v.SetInt(1)
		case reflect.String:
			v.SetString("main")
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.Func:
			v.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(true)} }))
		}
		args = append(args, v)
	}
	return args
}

// TestClose_noFurtherQuestion: once Close was called no method that can fail
// answers, from memory neither, and even while an earlier question, here the
// loop over all symbols, is still being answered.
func TestClose_noFurtherQuestion(t *testing.T) {
	f := openImage(t, privatePDB().write())
	questions := map[string]reflect.Value{}
	for _, of := range []any{f, f.Module(1), f.FrameRecords(), pdb.Part{File: f, N: 1}} {
		v := reflect.ValueOf(of)
		for i := range v.NumMethod() {
			name, m := v.Type().String()+"."+v.Type().Method(i).Name, v.Method(i)
			if name == "*pdb.File.Close" {
				continue
			}
			if _, ok := asked(m, arguments(m.Type())); ok {
				questions[name] = m // and what it takes is in memory now
			}
		}
	}
	if len(questions) < 25 {
		t.Fatalf("only %d methods can fail", len(questions))
	}
	loops := 0
	var last error
	for _, err := range f.Symbols() {
		last = err
		if loops++; loops > 1 {
			continue
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for name, m := range questions {
			if err, _ := asked(m, arguments(m.Type())); !errors.Is(err, pdb.ErrClosed) {
				t.Errorf("%s: %v, want ErrClosed", name, err)
			}
		}
	}
	if !errors.Is(last, pdb.ErrClosed) {
		t.Errorf("the loop ended with %v after %d steps, want ErrClosed", last, loops)
	}
}

// TestClose_endsSequences: each sequence that is being walked ends with
// ErrClosed soon.
func TestClose_endsSequences(t *testing.T) {
	many := func() *pdb.File {
		p := privatePDB()
		for range 5000 {
			p.pubs = append(p.pubs, testPublic{name: "_filler_with_a_rather_long_name", seg: 1, off: 0x700})
			p.globals = append(p.globals, globalData(pdb.KindGData32, "filler_with_a_rather_long_name", 2, 0x50))
		}
		return openImage(t, p.write())
	}
	for name, walk := range map[string]func(*pdb.File) iter.Seq2[pdb.Symbol, error]{
		"Symbols": (*pdb.File).Symbols, "Publics": (*pdb.File).Publics, "Globals": (*pdb.File).Globals,
	} {
		f := many()
		n := 0
		var last error
		for _, err := range walk(f) {
			if last = err; n == 0 {
				f.Close()
			}
			n++
		}
		if !errors.Is(last, pdb.ErrClosed) || n > 4000 {
			t.Errorf("%s: %v after %d symbols, want ErrClosed", name, last, n)
		}
	}
}

// TestClose_streams: readers that a File gave out end with it, in memory too.
func TestClose_streams(t *testing.T) {
	p := privatePDB()
	p.blockSize, p.named = 512, map[string][]byte{"long": make([]byte, 5000)}
	b := p.write().Bytes()
	f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Stream("long")
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 600)
	if _, err := r.ReadAt(part, 100); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, n := range []int{len(part), 1} {
		if _, err := r.ReadAt(part[:n], 100); !errors.Is(err, pdb.ErrClosed) {
			t.Errorf("%d bytes: %v, want ErrClosed", n, err)
		}
	}
}
