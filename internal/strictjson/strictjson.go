// Package strictjson reads JSON that strangers wrote.
//
// The standard decoder is lenient where leniency lets two readers disagree: the
// last of several equal members wins, names match whatever their case (and
// "to\u212Aen", written with a Kelvin sign, matches token), text after the value may be
// overlooked, and broken UTF-8 or half a surrogate pair turns into U+FFFD, so that
// different passwords become equal. This package refuses all of that, bounds the
// nesting, and works in time linear to the input. Callers bound the input's size.
//
// [Check] and [Unmarshal] are for documents; [Scanner] is the reader below
// them, for code that knows what comes next and must not allocate.
package strictjson

import "strconv"

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 16

// Code says what kind of fault an [Error] reports.
type Code string

// All but WrongType mean that the document cannot be read at all.
const (
	Malformed       Code = "malformed_json"   // breaks the grammar of RFC 8259
	InvalidText     Code = "invalid_text"     // not UTF-8, or half a surrogate pair
	DuplicateMember Code = "duplicate_member" // two names of one object are equal but for case
	TooDeep         Code = "too_deep"         // nested deeper than MaxDepth
	TrailingData    Code = "trailing_data"    // something follows the value
	WrongType       Code = "wrong_type"       // readable, but this member must be of another type
)

// Error reports why a document was refused. Its text is safe to show to who
// sent the document; it repeats nothing from it but shortened member names.
type Error struct {
	Code   Code
	Field  string // path of the member at fault, "items[2].id"; "" if it is the whole document
	Detail string // one English sentence
	Offset int    // byte at which the fault was noticed
	Err    error  // what a member's own UnmarshalJSON or UnmarshalText said, if anything
}

// Error names field, detail and offset.
func (e *Error) Error() string {
	s := "json: "
	if e.Field != "" {
		s += e.Field + ": "
	}
	return s + e.Detail + " (byte " + strconv.Itoa(e.Offset) + ")"
}

// Unwrap returns what the member's own decoder said.
func (e *Error) Unwrap() error { return e.Err }

// Unreadable reports whether the document as a whole is no acceptable JSON,
// which is 400, in contrast to a member of the wrong type, which is 422.
func (e *Error) Unreadable() bool { return e.Code != WrongType }

// Check returns nil if data is exactly one JSON value (RFC 8259) in valid UTF-8
// with nothing behind it, nested no deeper than [MaxDepth], in which no object
// has two members whose names are equal or equal but for case, and no string
// holds half a surrogate pair. Otherwise it returns an [*Error].
func Check(data []byte) error {
	return CheckString(string(data))
}

// CheckString is [Check] for a string.
func CheckString(s string) error {
	p, err := NewScanner(s)
	if err != nil {
		return err
	}
	if err := p.Skip(); err != nil {
		return err
	}
	return p.End()
}

// under returns err with its field placed below parent. Anything that is not an
// *Error is passed on.
func under(err error, parent string) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	switch {
	case e.Field == "":
		e.Field = parent
	case e.Field[0] == '[':
		e.Field = parent + e.Field
	default:
		e.Field = parent + "." + e.Field
	}
	return e
}

// short keeps a member's name fit for a message.
func short(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	cut := most
	for cut > 0 && name[cut]&0xC0 == 0x80 { // not in the middle of a character
		cut--
	}
	return name[:cut] + "…"
}
