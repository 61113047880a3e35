package undname_test

import (
	"errors"
	"fmt"

	"github.com/symres/symres/pdb/undname"
)

func ExampleNameOnly() {
	for _, raw := range []string{
		"?QueryInterface@CErrorObject@@W7EAAJAEBU_GUID@@PEAPEAX@Z",
		"??$_Deallocate@$07$0A@@std@@YAXPAXI@Z",
		"??_7bad_alloc@std@@6B@",
		"__imp__IoCreateDevice@28",
		"\x7fntoskrnl_NULL_THUNK_DATA",
	} {
		fmt.Println(undname.NameOnly(raw))
	}
	// Output:
	// CErrorObject::QueryInterface
	// std::_Deallocate<8,0>
	// std::bad_alloc::`vftable'
	// _imp__IoCreateDevice
	// ntoskrnl_NULL_THUNK_DATA
}

func ExampleFull() {
	const raw = "?insert@?$map@HV?$vector@HV?$allocator@H@std@@@std@@@@QEAAXAEBH@Z"
	full, err := undname.Full(raw, 0)
	fmt.Println(full, err)
	full, err = undname.Full(raw, undname.NoAccess|undname.NoCallingConvention|undname.NoPtr64|undname.NoClassKeywords)
	fmt.Println(full, err)
	// Output:
	// public: void __cdecl map<int,class std::vector<int,class std::allocator<int> > >::insert(int const & __ptr64) __ptr64 <nil>
	// void map<int,std::vector<int,std::allocator<int> > >::insert(int const &) <nil>
}

func ExampleFull_malformed() {
	name, err := undname.Full("?f@@YAXPEA", 0)
	var syntax *undname.SyntaxError
	fmt.Println(name, errors.As(err, &syntax), syntax.Offset)
	fmt.Println(err)
	// Output:
	// ?f@@YAXPEA true 10
	// malformed decorated name: offset 10: unknown type
}

func ExampleUndecorate() {
	s, err := undname.Undecorate("?f@@YAXP6AXPEBD@Z@Z", undname.StyleLLVM, 0)
	fmt.Println(s, err)
	// Output:
	// void __cdecl f(void (__cdecl *)(char const *)) <nil>
}

func ExampleAppend() {
	line := []byte("fffff800`03b00000 ")
	line, err := undname.Append(line, "?DriverEntry@@YAJPEAU_DRIVER_OBJECT@@@Z", undname.StyleMicrosoft, undname.NameOnlyFlag)
	fmt.Printf("%s %v\n", line, err)
	// Output:
	// fffff800`03b00000 DriverEntry <nil>
}

func ExampleParse() {
	n, err := undname.Parse("?at@?$vector@H@std@@QEBAAEBH_K@Z")
	if err != nil {
		fmt.Println(err)
		return
	}
	params, _ := n.Parameters()
	fmt.Println(n.Scope(), n.Base(), n.Result(), params, n.Kind() == undname.KindFunction)
	// Output:
	// [std vector<int>] at int const & __ptr64 [unsigned __int64] true
}

func ExampleName_Text() {
	n, err := undname.Parse("??_C@_19PAHLK@?$AAn?$AAt?$AAo?$AAs?$AA?$AA@")
	if err != nil {
		fmt.Println(err)
		return
	}
	text, more, ok := n.Text()
	fmt.Printf("%q %v %v\n", text, more, ok)
	// Output:
	// "ntos" false true
}
