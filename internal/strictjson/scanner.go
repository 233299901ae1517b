package strictjson

import (
	"strconv"
	"unicode/utf8"
)

// Scanner reads one JSON document from front to back. Each method that reads a
// value skips white space before it and returns an [*Error] if what comes is
// malformed or not what the method is for; after an error the Scanner is of no
// further use. Strings that contain no escapes are parts of the input, not
// copies.
//
// A Scanner is not safe for concurrent use.
type Scanner struct {
	s     string
	pos   int
	depth int
}

// NewScanner returns a Scanner for s, or an error if s is not valid UTF-8.
func NewScanner(s string) (Scanner, error) {
	if !utf8.ValidString(s) {
		return Scanner{}, &Error{Code: InvalidText, Detail: "The text is not valid UTF-8.", Offset: invalidAt(s)}
	}
	return Scanner{s: s}, nil
}

func invalidAt(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return len(s)
}

// Peek returns the first byte of the next value without reading it: one of
// { [ " t f n - 0 to 9 if the document is well-formed, 0 at its end.
func (p *Scanner) Peek() byte {
	p.space()
	if p.pos == len(p.s) {
		return 0
	}
	return p.s[p.pos]
}

// End reports an error unless nothing but white space is left.
func (p *Scanner) End() error {
	p.space()
	if p.pos != len(p.s) {
		return p.fault(TrailingData, "Something follows the JSON value.")
	}
	return nil
}

// Object reads an object. For each member it calls member with the decoded
// name; member must read the value, with exactly one call of one of the
// Scanner's methods. A name that equals an earlier one of the same object, if
// only after case folding, is refused before member sees it.
func (p *Scanner) Object(member func(name string) error) error {
	if p.Peek() != '{' {
		return p.unexpected("must be an object.")
	}
	if err := p.enter(); err != nil {
		return err
	}
	if p.Peek() == '}' {
		p.leave()
		return nil
	}
	var seen names
	for {
		if p.Peek() != '"' {
			return p.malformed()
		}
		at := p.pos
		name, err := p.text()
		if err != nil {
			return err
		}
		if !seen.add(fold(name)) {
			return &Error{Code: DuplicateMember, Field: short(name), Detail: "The member appears twice.", Offset: at}
		}
		if p.Peek() != ':' {
			return p.malformed()
		}
		p.pos++
		if err := member(name); err != nil {
			return under(err, short(name))
		}
		switch p.Peek() {
		case ',':
			p.pos++
		case '}':
			p.leave()
			return nil
		default:
			return p.malformed()
		}
	}
}

// Array reads an array. For each element it calls element, which must read it
// with exactly one call of one of the Scanner's methods.
func (p *Scanner) Array(element func(i int) error) error {
	if p.Peek() != '[' {
		return p.unexpected("must be a list.")
	}
	if err := p.enter(); err != nil {
		return err
	}
	if p.Peek() == ']' {
		p.leave()
		return nil
	}
	for i := 0; ; i++ {
		if err := element(i); err != nil {
			return under(err, "["+strconv.Itoa(i)+"]")
		}
		switch p.Peek() {
		case ',':
			p.pos++
		case ']':
			p.leave()
			return nil
		default:
			return p.malformed()
		}
	}
}

// String reads a string.
func (p *Scanner) String() (string, error) {
	if p.Peek() != '"' {
		return "", p.unexpected("must be a string.")
	}
	return p.text()
}

// Bool reads true or false.
func (p *Scanner) Bool() (bool, error) {
	switch p.Peek() {
	case 't':
		return true, p.literal("true")
	case 'f':
		return false, p.literal("false")
	}
	return false, p.unexpected("must be true or false.")
}

// Null reads null.
func (p *Scanner) Null() error {
	if p.Peek() != 'n' {
		return p.unexpected("must be null.")
	}
	return p.literal("null")
}

// Int reads an integer: a number without fraction and exponent that fits into
// 64 bits.
func (p *Scanner) Int() (int64, error) {
	if c := p.Peek(); c != '-' && (c < '0' || c > '9') {
		return 0, p.unexpected("must be an integer.")
	}
	start := p.pos
	plain, err := p.number()
	if err != nil {
		return 0, err
	}
	if plain {
		if n, err := strconv.ParseInt(p.s[start:p.pos], 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, &Error{Code: WrongType, Detail: "must be an integer.", Offset: start}
}

// Number reads a number and returns it as it is written.
func (p *Scanner) Number() (string, error) {
	if c := p.Peek(); c != '-' && (c < '0' || c > '9') {
		return "", p.unexpected("must be a number.")
	}
	start := p.pos
	if _, err := p.number(); err != nil {
		return "", err
	}
	return p.s[start:p.pos], nil
}

// Raw reads any value, checks it as [Check] does, and returns its text.
func (p *Scanner) Raw() (string, error) {
	p.space()
	start := p.pos
	if err := p.Skip(); err != nil {
		return "", err
	}
	return p.s[start:p.pos], nil
}

// Skip reads any value and checks it as [Check] does.
func (p *Scanner) Skip() error {
	switch c := p.Peek(); c {
	case '{':
		return p.Object(func(string) error { return p.Skip() })
	case '[':
		return p.Array(func(int) error { return p.Skip() })
	case '"':
		_, err := p.text()
		return err
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			return p.malformed()
		}
		_, err := p.number()
		return err
	}
}

func (p *Scanner) space() {
	for p.pos < len(p.s) {
		switch p.s[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *Scanner) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.fault(TooDeep, "The JSON is nested too deeply.")
	}
	p.pos++
	return nil
}

func (p *Scanner) leave() {
	p.depth--
	p.pos++
}

func (p *Scanner) literal(word string) error {
	if len(p.s)-p.pos < len(word) || p.s[p.pos:p.pos+len(word)] != word {
		return p.malformed()
	}
	p.pos += len(word)
	return nil
}

// number reads a number (RFC 8259 §6); plain says that it has neither fraction
// nor exponent.
func (p *Scanner) number() (plain bool, err error) {
	if p.s[p.pos] == '-' {
		p.pos++
	}
	switch {
	case p.pos < len(p.s) && p.s[p.pos] == '0':
		p.pos++
	case !p.digits():
		return false, p.malformed()
	}
	plain = true
	if p.pos < len(p.s) && p.s[p.pos] == '.' {
		p.pos++
		if plain = false; !p.digits() {
			return false, p.malformed()
		}
	}
	if p.pos < len(p.s) && p.s[p.pos]|0x20 == 'e' {
		p.pos++
		if p.pos < len(p.s) && (p.s[p.pos] == '+' || p.s[p.pos] == '-') {
			p.pos++
		}
		if plain = false; !p.digits() {
			return false, p.malformed()
		}
	}
	return plain, nil
}

func (p *Scanner) digits() bool {
	start := p.pos
	for p.pos < len(p.s) && '0' <= p.s[p.pos] && p.s[p.pos] <= '9' {
		p.pos++
	}
	return p.pos > start
}

func (p *Scanner) fault(code Code, detail string) *Error {
	return &Error{Code: code, Detail: detail, Offset: p.pos}
}

func (p *Scanner) malformed() *Error {
	if p.pos >= len(p.s) {
		return p.fault(Malformed, "The JSON ends too early.")
	}
	return p.fault(Malformed, "The JSON is malformed.")
}

// unexpected tells a value of another type from something that is no value.
func (p *Scanner) unexpected(want string) error {
	at := p.pos
	if err := p.Skip(); err != nil {
		return err
	}
	return &Error{Code: WrongType, Detail: want, Offset: at}
}
