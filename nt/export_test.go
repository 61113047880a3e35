package nt

import (
	"errors"
	"iter"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/vadmath"
)

// PoolBounds is the layout as it is after a look at the debugger data block.
func PoolBounds(src memsource.Source, block uint64, l paging.Layout) (paging.Layout, error) {
	d, err := openDebuggerData(src, block, 4)
	if err == nil {
		d.poolBounds(&l)
	}
	return l, err
}

// The layouts and what is made of them are not exported: which form a structure
// has is this package's business. Tests look at them one by one.
type (
	Layouts       = layouts
	ModuleLayout  = moduleLayout
	ProcessLayout = processLayout
	SectionLayout = sectionLayout
	VADLayout     = vadLayout
	LoaderLayout  = loaderLayout
	Field         = field
)

var (
	LayoutsFor       = layoutsFor
	LayoutsOf        = layoutsOf
	ModuleLayoutFor  = moduleLayoutFor
	ProcessLayoutFor = processLayoutFor
	SectionLayoutFor = sectionLayoutFor
	VADLayoutFor     = vadLayoutFor
	LoaderLayoutFor  = loaderLayoutFor
	SubsectionFile   = subsectionFile
	PageLayout       = pageLayout
	InvalidPTEMask   = invalidPTEMask
	Modules          = modulesOf
	Processes        = processesOf
)

// Layouts are those the kernel is read by.
func (k *Kernel) Layouts() Layouts { return k.layouts }

// VADs are the descriptors of a tree without what only their readers need.
func VADs(src memsource.Source, l VADLayout, s SectionLayout, root uint64) iter.Seq2[vadmath.Entry, error] {
	return func(yield func(vadmath.Entry, error) bool) {
		for v, err := range vads(src, l, s, root) {
			if !yield(v.Entry, err) {
				return
			}
		}
	}
}

// LoaderModules joins what went wrong with the lists.
func LoaderModules(src memsource.Source, l LoaderLayout, peb uint64) ([]Module, error) {
	list, problems, err := loaderModules(src, l, peb)
	if err != nil {
		return nil, err
	}
	return list, errors.Join(problems...)
}

// ThreadsOf are the threads of the process at an address, by the embedded layout of
// a machine and build.
func ThreadsOf(src memsource.Source, machine uint16, build uint32, process uint64) iter.Seq2[Thread, error] {
	k := &Kernel{plain: src, layouts: layouts{Thread: threadLayoutFor(machine, build)}}
	return k.Threads(Process{Address: process})
}
