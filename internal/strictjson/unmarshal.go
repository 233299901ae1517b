package strictjson

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Unmarshal checks data as [Check] does and stores it in the value that v
// points to. It reads the struct tags of encoding/json, with these differences:
//
//   - A member goes to the field whose name is exactly the same. Members without
//     a field are ignored.
//   - A value of another type than its field is refused with an [*Error] of code
//     [WrongType] that names the member. That includes null, except for
//     pointers, slices, maps, interfaces, and types that decode themselves: use a
//     pointer for what may be null or missing.
//   - Integers are written without fraction and exponent.
//   - The tag option "string" is not supported, nor are fixed-size arrays,
//     embedded pointers, and maps whose keys are not strings.
//
// Faults of the document as a whole are found before anything is stored. After
// a WrongType error v may hold part of the document.
func Unmarshal(data []byte, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("strictjson: Unmarshal needs a pointer, not %T", v)
	}
	s := string(data)
	if err := CheckString(s); err != nil {
		return err
	}
	p := Scanner{s: s}
	return p.decode(rv.Elem())
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (p *Scanner) decode(v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		if p.Peek() == 'n' {
			v.SetZero()
			return p.Null()
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return p.decode(v.Elem())
	}
	if pt := reflect.PointerTo(v.Type()); pt.Implements(unmarshaler) {
		return p.self(func(raw string) error {
			return v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON([]byte(raw))
		})
	} else if pt.Implements(textUnmarshaler) {
		return p.selfText(v.Addr().Interface().(encoding.TextUnmarshaler))
	}
	switch v.Kind() {
	case reflect.String:
		s, err := p.String()
		v.SetString(s)
		return err
	case reflect.Bool:
		b, err := p.Bool()
		v.SetBool(b)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return p.decodeNumber(v)
	case reflect.Struct:
		return p.decodeStruct(v)
	case reflect.Map:
		return p.decodeMap(v)
	case reflect.Slice:
		return p.decodeSlice(v)
	case reflect.Interface:
		if v.NumMethod() == 0 {
			return p.self(func(raw string) error { return json.Unmarshal([]byte(raw), v.Addr().Interface()) })
		}
	}
	return fmt.Errorf("strictjson: cannot store into a %v", v.Type())
}

// self lets a value decode its own checked text.
func (p *Scanner) self(decode func(raw string) error) error {
	p.space()
	at := p.pos
	raw, err := p.Raw()
	if err != nil {
		return err
	}
	if err := decode(raw); err != nil {
		return &Error{Code: WrongType, Detail: "has the wrong form.", Offset: at, Err: err}
	}
	return nil
}

func (p *Scanner) selfText(v encoding.TextUnmarshaler) error {
	p.space()
	at := p.pos
	s, err := p.String()
	if err != nil {
		return err
	}
	if err := v.UnmarshalText([]byte(s)); err != nil {
		return &Error{Code: WrongType, Detail: "has the wrong form.", Offset: at, Err: err}
	}
	return nil
}

func (p *Scanner) decodeNumber(v reflect.Value) error {
	p.space()
	at := p.pos
	if k := v.Kind(); k == reflect.Float32 || k == reflect.Float64 {
		s, err := p.Number()
		if err != nil {
			return err
		}
		f, err := strconv.ParseFloat(s, v.Type().Bits())
		if err != nil {
			return &Error{Code: WrongType, Detail: "must be a number of ordinary size.", Offset: at}
		}
		v.SetFloat(f)
		return nil
	}
	if v.CanInt() {
		n, err := p.Int()
		if err != nil {
			return err
		}
		if v.OverflowInt(n) {
			return &Error{Code: WrongType, Detail: "must be a smaller integer.", Offset: at}
		}
		v.SetInt(n)
		return nil
	}
	n, err := p.Int()
	if err != nil {
		return err
	}
	if n < 0 || v.OverflowUint(uint64(n)) {
		return &Error{Code: WrongType, Detail: "must be a smaller integer, and not negative.", Offset: at}
	}
	v.SetUint(uint64(n))
	return nil
}

func (p *Scanner) decodeStruct(v reflect.Value) error {
	fields, err := fieldsOf(v.Type())
	if err != nil {
		return err
	}
	return p.Object(func(name string) error {
		index, ok := fields[name]
		if !ok {
			return p.Skip()
		}
		return p.decode(v.FieldByIndex(index))
	})
}

func (p *Scanner) decodeMap(v reflect.Value) error {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		return fmt.Errorf("strictjson: cannot store into a %v", t)
	}
	if p.Peek() == 'n' {
		v.SetZero()
		return p.Null()
	}
	if p.Peek() == '{' {
		v.Set(reflect.MakeMap(t))
	}
	return p.Object(func(name string) error {
		e := reflect.New(t.Elem()).Elem()
		if err := p.decode(e); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), e)
		return nil
	})
}

func (p *Scanner) decodeSlice(v reflect.Value) error {
	t := v.Type()
	if t.Elem().Kind() == reflect.Uint8 { // base64, as encoding/json has it
		return p.self(func(raw string) error { return json.Unmarshal([]byte(raw), v.Addr().Interface()) })
	}
	if p.Peek() == 'n' {
		v.SetZero()
		return p.Null()
	}
	out := reflect.MakeSlice(t, 0, 0)
	err := p.Array(func(i int) error {
		out = reflect.Append(out, reflect.Zero(t.Elem()))
		return p.decode(out.Index(i))
	})
	v.Set(out)
	return err
}

// cached holds the result of fieldsOf for each struct type.
var cached sync.Map // reflect.Type -> map[string][]int

// fieldsOf returns the members a struct wants, by exact name.
func fieldsOf(t reflect.Type) (map[string][]int, error) {
	if m, ok := cached.Load(t); ok {
		return m.(map[string][]int), nil
	}
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct {
			continue // its fields are visible themselves
		}
		if !f.IsExported() || tag == "-" && options == "" {
			continue
		}
		if strings.Contains(options, "string") || len(f.Index) > 1 && throughPointer(t, f.Index) {
			return nil, fmt.Errorf("strictjson: field %v.%s is declared in a way that is not supported", t, f.Name)
		}
		name := tag
		if name == "" {
			name = f.Name
		}
		if old, taken := fields[name]; taken && len(old) <= len(f.Index) {
			continue // the shallower field wins, as in Go
		}
		fields[name] = f.Index
	}
	cached.Store(t, fields)
	return fields, nil
}

// throughPointer reports whether the field at index lies in an embedded pointer.
func throughPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		f := t.Field(i)
		if f.Type.Kind() == reflect.Pointer {
			return true
		}
		t = f.Type
	}
	return false
}
