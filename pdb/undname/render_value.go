package undname

import (
	"math"
	"strconv"
)

// argument writes a template argument: a type or a constant.
func (w *printer) argument(i int32) {
	if !w.step() {
		return
	}
	switch n := w.p.at(i); n.kind {
	case kindNumber:
		w.number(i)
	case kindAddress:
		w.str("&")
		w.symbol(n.a)
	case kindTuple:
		w.str("{")
		w.values(n.a)
		w.str("}")
	case kindParameter:
		w.parameter(n)
	case kindFloat:
		w.float(n)
	case kindAggregate:
		w.aggregate(n)
	case kindUnion:
		w.typ(n.a)
		w.str("{.")
		w.component(n.b, 0)
		w.str("=")
		w.argument(n.c)
		w.str("}")
	case kindSymbol:
		w.symbol(n.a)
	case kindMember, kindElement:
		w.place(n)
	default:
		w.typ(i)
	}
}

// values writes a list of constants, among which a symbol may stand bare.
func (w *printer) values(list int32) {
	for c := list; c != 0 && !w.full; c = w.p.at(c).b {
		if c != list {
			w.comma()
		}
		i := w.p.at(c).a
		if k := w.p.at(i).kind; kindFunction <= k && k <= kindTypeName {
			w.symbol(i)
		} else {
			w.argument(i)
		}
	}
}

func (w *printer) parameter(n *node) {
	if n.sub == 1 {
		w.str("`non-type-template-parameter")
	} else {
		w.str("`template-parameter")
	}
	w.number(n.a)
	w.str("'")
}

func (w *printer) float(n *node) {
	v := math.Float64frombits(n.value())
	if n.sub == 32 {
		v = float64(math.Float32frombits(uint32(n.value())))
	}
	w.str(strconv.FormatFloat(v, 'g', -1, int(n.sub)))
}

// aggregate writes an object of class type or, without the type, an array.
func (w *printer) aggregate(n *node) {
	if n.sub == 0 {
		w.typ(n.a)
	}
	w.str("{")
	w.values(n.b)
	w.str("}")
}

// place writes the address of a part of an object.
func (w *printer) place(n *node) {
	w.argument(n.a)
	for c := n.b; c != 0 && !w.full; c = w.p.at(c).b {
		i := w.p.at(c).a
		if n.kind == kindMember {
			w.str(".")
			w.component(i, 0)
			continue
		}
		w.str("[")
		w.argument(i)
		w.str("]")
	}
}
