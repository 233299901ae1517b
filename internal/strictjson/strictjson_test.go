package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	many := &strings.Builder{}
	for i := range 1000 {
		fmt.Fprintf(many, `"k%d":%d,`, i, i)
	}
	for _, s := range []string{
		`{}`, `[]`, `""`, `0`, `-0`, `-12.5e+10`, `1E5`, `true`, `false`, `null`, " \t\r\n{ \"a\" : [ 1 , 2 ] } \n",
		`{"a":{"a":1},"b":[{"a":1},{"a":2}]}`,
		`"\"\\\/\b\f\n\r\t\u0041\u00e9\u2028\ud83d\ude00 é 😀"`, "\"\u2028\ufffd\x7f\"", `"\u0000"`,
		`{"":1}`, `{"é":1,"e":2}`, `{` + many.String() + `"last":0}`,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth),
		"[" + strings.Repeat("[],", 1000) + "[]]", // wide is not deep
	} {
		if err := Check([]byte(s)); err != nil {
			t.Errorf("Check(%.60q) = %v, want nil", s, err)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	many := &strings.Builder{}
	for i := range 1000 {
		fmt.Fprintf(many, `"k%d":%d,`, i, i)
	}
	tests := []struct {
		in    string
		code  Code
		field string
	}{
		{``, Malformed, ""}, {` `, Malformed, ""}, {`{`, Malformed, ""}, {`[`, Malformed, "[0]"}, {`"`, Malformed, ""}, {`}`, Malformed, ""},
		{`{"a"}`, Malformed, ""}, {`{"a":}`, Malformed, "a"}, {`{"a":1,}`, Malformed, ""}, {`{,}`, Malformed, ""}, {`{a:1}`, Malformed, ""},
		{`{'a':1}`, Malformed, ""}, {`{"a":1 "b":2}`, Malformed, ""}, {`{1:2}`, Malformed, ""}, {`[1,]`, Malformed, "[1]"}, {`[1 2]`, Malformed, ""}, {`[,1]`, Malformed, "[0]"},
		{`01`, TrailingData, ""}, {`1.`, Malformed, ""}, {`.5`, Malformed, ""}, {`+1`, Malformed, ""}, {`-`, Malformed, ""}, {`1e`, Malformed, ""}, {`1e+`, Malformed, ""},
		{`0x10`, TrailingData, ""}, {`NaN`, Malformed, ""}, {`Infinity`, Malformed, ""}, {`tru`, Malformed, ""}, {`nul`, Malformed, ""}, {`True`, Malformed, ""}, {`fals`, Malformed, ""},
		{`"\x41"`, Malformed, ""}, {`"\u12"`, Malformed, ""}, {`"\u12g4"`, Malformed, ""}, {`"\`, Malformed, ""}, {`"\"`, Malformed, ""}, {`"a\nb`, Malformed, ""},
		{"\"a\nb\"", Malformed, ""}, {"\"\x00\"", Malformed, ""}, {"\"\x1f\"", Malformed, ""}, {"\"\\n\x1f\"", Malformed, ""}, {"\"\\t\t\"", Malformed, ""},
		{"\ufeff{}", Malformed, ""}, {"{}\x00", TrailingData, ""}, {"\x0b{}", Malformed, ""}, {"\u00a0{}", Malformed, ""}, {`/**/{}`, Malformed, ""},
		{`{} {}`, TrailingData, ""}, {`{}]`, TrailingData, ""}, {`null,`, TrailingData, ""}, {`1 2`, TrailingData, ""},
		{"\"\xff\"", InvalidText, ""}, {"{\"\xc0\xaf\":1}", InvalidText, ""}, {"\"\xed\xa0\x80\"", InvalidText, ""}, {"{}\x80", InvalidText, ""}, {"\"\xf4\x90\x80\x80\"", InvalidText, ""},
		{`"\ud800"`, InvalidText, ""}, {`"\udc00"`, InvalidText, ""}, {`"\udc00\ud800"`, InvalidText, ""}, {`"\ud800\u0041"`, InvalidText, ""}, {`"\ud800x"`, InvalidText, ""},
		{`"\ud800\n"`, InvalidText, ""}, {`{"pw":"\uD83D"}`, InvalidText, "pw"}, {`{"\ud800":1}`, InvalidText, ""},
		{`{"a":1,"a":1}`, DuplicateMember, "a"}, {`{"a":1,"A":1}`, DuplicateMember, "A"}, {`{"a":1,"\u0061":1}`, DuplicateMember, "a"},
		{"{\"token\":1,\"to\u212aen\":2}", DuplicateMember, "to\u212aen"}, {"{\"password\":1,\"pa\u017f\u017fword\":2}", DuplicateMember, "pa\u017f\u017fword"},
		{`{"é":1,"É":2}`, DuplicateMember, "É"}, {`{"":1,"":2}`, DuplicateMember, ""}, {`{"x":[{"b":1,"b":2}]}`, DuplicateMember, "x[0].b"},
		{"{\"σ\":1,\"ς\":2}", DuplicateMember, "ς"},
		{`{` + many.String() + `"K999":0}`, DuplicateMember, "K999"},
		{strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), TooDeep, strings.Repeat("[0]", MaxDepth)},
		{strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1), TooDeep, strings.Repeat("a.", MaxDepth-1) + "a"},
		{strings.Repeat("[", 1<<20), TooDeep, strings.Repeat("[0]", MaxDepth)},
	}
	for _, tt := range tests {
		err := Check([]byte(tt.in))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != tt.code || e.Field != tt.field || !e.Unreadable() {
			t.Errorf("Check(%.60q) = %v, want code %s, field %q", tt.in, err, tt.code, tt.field)
			continue
		}
		if e.Offset < 0 || e.Offset > len(tt.in) || e.Detail == "" || !strings.HasPrefix(e.Error(), "json: ") {
			t.Errorf("Check(%.60q) = %+v, want an offset inside and a sentence", tt.in, e)
		}
	}
}

func TestErrorShortensNames(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("é", 5000)
	err := Check([]byte(`{"` + name + `":1,"` + name + `":2}`))
	e, ok := errors.AsType[*Error](err)
	if !ok || len(e.Field) > 70 || !utf8.ValidString(e.Field) || !strings.HasPrefix(e.Field, "éé") {
		t.Errorf("Check(long duplicate) = %v, want a short field", err)
	}
}

// TestFoldMatchesTheStandardDecoder keeps fold in step with encoding/json: two
// names are the same to us exactly if they could match one field there.
func TestFoldMatchesTheStandardDecoder(t *testing.T) {
	t.Parallel()
	for _, letter := range []rune{'a', 'k', 's', 'K', 'S', 'z', 'é', 'σ', 'ß', 'ı', 'i', 'ſ', '\u212a', '𐐨', '_', '0'} {
		for r := rune(0); r < 0x1100; r++ {
			a, b := string(letter), string(r)
			if got, want := fold(a) == fold(b), strings.EqualFold(a, b); got != want {
				t.Errorf("fold(%q) == fold(%q) is %v, EqualFold says %v", a, b, got, want)
			}
		}
	}
}

type inner struct {
	ID    string `json:"id"`
	Count *int   `json:"count"`
}

type base struct {
	Note string `json:"note"`
}

type document struct {
	base
	Email    string            `json:"email"`
	Token    string            `json:"token"`
	On       bool              `json:"on"`
	N        int8              `json:"n"`
	U        uint16            `json:"u"`
	F        float64           `json:"f"`
	Name     *string           `json:"name"`
	Items    []inner           `json:"items"`
	ByKey    map[string]inner  `json:"by_key"`
	Labels   map[string]string `json:"labels"`
	Any      any               `json:"any"`
	Raw      json.RawMessage   `json:"raw"`
	Blob     []byte            `json:"blob"`
	Choice   choice            `json:"choice"`
	Ignored  string            `json:"-"`
	Untagged string
	hidden   string //lint:ignore U1000 a member of this name must not reach it
}

// choice decodes itself from text.
type choice string

func (c *choice) UnmarshalText(b []byte) error {
	if string(b) != "yes" && string(b) != "no" {
		return errors.New("neither yes nor no")
	}
	*c = choice(b)
	return nil
}

func TestUnmarshalAgreesWithTheStandardDecoder(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`{}`,
		`{"email":"a@b","token":"t","on":true,"n":-128,"u":65535,"f":1.5e3,"name":"N","note":"x"}`,
		`{"name":null,"items":null,"labels":null,"any":null,"raw":null,"blob":null}`,
		`{"items":[{"id":"1","count":3},{"id":"2","count":null},{}],"by_key":{"a":{"id":"1"},"":{}},"labels":{"x":"y"}}`,
		`{"any":{"a":[1,"2",null,true]},"raw": {"b": [1, 2]} ,"blob":"aGk=","choice":"yes","Untagged":"u"}`,
		`{"email":"\u00e9\ud83d\ude00\n","unknown":{"email":5},"items":[],"labels":{}}`,
	} {
		var got, want document
		if err := Unmarshal([]byte(s), &got); err != nil {
			t.Errorf("Unmarshal(%s) = %v, want nil", s, err)
			continue
		}
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Unmarshal(%s) = %+v, encoding/json says %+v", s, got, want)
		}
	}
}

func TestUnmarshalMatchesNamesExactly(t *testing.T) {
	t.Parallel()
	for _, s := range []string{`{"EMAIL":"x"}`, `{"Email":"x"}`, "{\"to\u212aen\":\"x\"}", `{"TOKEN":"x"}`, `{"Items":[1]}`, `{"-":"x"}`, `{"Ignored":"x"}`, `{"untagged":"x"}`, `{"hidden":"x"}`, `{"base":{"note":"x"}}`} {
		var d document
		if err := Unmarshal([]byte(s), &d); err != nil || !reflect.DeepEqual(d, document{}) {
			t.Errorf("Unmarshal(%s) = %+v, %v, want nothing stored", s, d, err)
		}
	}
}

func TestUnmarshalNamesTheMemberOfTheWrongType(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, field string }{
		{`{"email":5}`, "email"}, {`{"email":null}`, "email"}, {`{"email":["a@b"]}`, "email"}, {`{"email":{"$ne":null}}`, "email"}, {`{"email":true}`, "email"},
		{`{"on":"true"}`, "on"}, {`{"on":1}`, "on"}, {`{"on":null}`, "on"},
		{`{"n":128}`, "n"}, {`{"n":1.0}`, "n"}, {`{"n":1e2}`, "n"}, {`{"n":"1"}`, "n"}, {`{"n":99999999999999999999}`, "n"},
		{`{"u":-1}`, "u"}, {`{"u":65536}`, "u"}, {`{"u":[]}`, "u"}, {`{"f":"1"}`, "f"}, {`{"f":1e999}`, "f"},
		{`{"name":5}`, "name"}, {`{"items":{}}`, "items"}, {`{"items":[{"id":"1"},{"id":2}]}`, "items[1].id"}, {`{"items":[null]}`, "items[0]"},
		{`{"by_key":{"x":{"count":"1"}}}`, "by_key.x.count"}, {`{"by_key":[]}`, "by_key"}, {`{"labels":{"x":1}}`, "labels.x"}, {`{"labels":{"x":null}}`, "labels.x"},
		{`{"any":1e999}`, "any"}, {`{"blob":"*"}`, "blob"}, {`{"choice":"maybe"}`, "choice"}, {`{"choice":1}`, "choice"}, {`{"note":0}`, "note"},
		{`[]`, ""}, {`null`, ""}, {`"x"`, ""}, {`5`, ""},
	}
	for _, tt := range tests {
		var d document
		err := Unmarshal([]byte(tt.in), &d)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != WrongType || e.Unreadable() || e.Field != tt.field || e.Detail == "" {
			t.Errorf("Unmarshal(%s) = %v, want WrongType at %q", tt.in, err, tt.field)
		}
	}
}

func TestUnmarshalFindsUnreadableDocumentsFirst(t *testing.T) {
	t.Parallel()
	d := document{Email: "before"}
	err := Unmarshal([]byte(`{"email":"after","on":"x","x":{"y":1,"Y":2}}`), &d)
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != DuplicateMember || d.Email != "before" {
		t.Errorf("Unmarshal = %v, Email %q; want DuplicateMember and nothing stored", err, d.Email)
	}
}

func TestUnmarshalKeepsWhatATypeSaid(t *testing.T) {
	t.Parallel()
	var d document
	err := Unmarshal([]byte(`{"choice":"maybe"}`), &d)
	if e, ok := errors.AsType[*Error](err); !ok || e.Unwrap() == nil || strings.Contains(e.Detail, "neither") {
		t.Errorf("Unmarshal = %v, want the type's error inside and not in the detail", err)
	}
}

func TestUnmarshalRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	type pointed struct{ *inner }
	var notPointer document
	for name, v := range map[string]any{
		"a value":       notPointer,
		"a nil pointer": (*document)(nil),
		"nothing":       nil,
		"a channel":     &struct{ Email chan int }{},
		"option string": &struct {
			N int `json:"n,string"`
		}{},
		"integer keys":      &struct{ Email map[int]string }{},
		"an array":          &struct{ Email [2]string }{},
		"a busy interface":  &struct{ Email fmt.Stringer }{},
		"embedded pointers": &pointed{},
	} {
		err := Unmarshal([]byte(`{"Email":"x","n":1,"id":"x"}`), v)
		if _, ok := errors.AsType[*Error](err); err == nil || ok {
			t.Errorf("Unmarshal into %s = %v, want an error about the program", name, err)
		}
	}
}

func TestScannerDoesNotAllocate(t *testing.T) {
	const s = `{"iss":"https://app.example.com/auth","aud":["x"],"exp":1700000000,"nested":{"a":[1,2.5,true,null]}}`
	allocs := testing.AllocsPerRun(100, func() {
		if err := CheckString(s); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Errorf("CheckString allocates %v times, want 0", allocs)
	}
}

// FuzzCheck compares with the standard library: what we accept, it accepts and
// reads as the same value, and writing that value again is accepted too.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2,{"b":null}]}`, `"\ud83d\ude00"`, `{"a":1,"A":2}`, "\"\xff\"", `[[[[[[[[[[[[[[[[[[`, `-0.5e-7`, `{"email":"a@b","items":[{"id":"1","count":3}],"n":1}`, ` [true , false] `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data)
		var d document
		uerr := Unmarshal(data, &d)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("Check(%q) = %v, want an *Error", data, err)
			}
			if uerr == nil {
				t.Fatalf("Unmarshal(%q) accepts what Check refuses: %v", data, err)
			}
			return
		}
		if !utf8.Valid(data) || !json.Valid(data) {
			t.Fatalf("Check(%q) = nil for what is not JSON", data)
		}
		if uerr == nil {
			var want document
			err := json.Unmarshal(data, &want)
			if _, folded := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !folded {
				// A type error stems from a member like "EMAIL", which we ignore.
				t.Fatalf("Unmarshal(%q) = nil, encoding/json says %v", data, err)
			}
			if err == nil && d.Email != "" && d.Email != want.Email {
				t.Fatalf("Unmarshal(%q).Email = %q, encoding/json says %q", data, d.Email, want.Email)
			}
		}
		var v any
		if json.Unmarshal(data, &v) == nil {
			again, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := Check(again); err != nil {
				t.Fatalf("Check(%q) = %v for a rewritten %q", again, err, data)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s := `{"email":"test@example.com","password":"correct horse battery staple","full_name":"A. Person","metadata":{"plan":"free","tags":["a","b"]}}`
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckString(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHostile shows that the worst inputs of one size cost about the same
// per byte as ordinary ones.
func BenchmarkHostile(b *testing.B) {
	const size = 32 << 10
	names := &strings.Builder{}
	names.WriteByte('{')
	for i := 0; names.Len() < size-20; i++ {
		fmt.Fprintf(names, `"%x":0,`, i)
	}
	names.WriteString(`"z":0}`)
	for name, s := range map[string]string{
		"names":    names.String(),
		"escapes":  `"` + strings.Repeat(`\u00e9`, size/6) + `"`,
		"commas":   "[" + strings.Repeat("0,", size/2) + "0]",
		"unclosed": strings.Repeat(`{"":[`, size/5),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				_ = CheckString(s)
			}
		})
	}
}
