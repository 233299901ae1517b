package strictjson

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string whose opening quote is next.
func (p *Scanner) text() (string, error) {
	p.pos++
	start := p.pos
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.pos = i + 1
			return p.s[start:i], nil
		case c == '\\':
			p.pos = i
			return p.escaped(start)
		case c < 0x20:
			p.pos = i
			return "", p.malformed()
		}
	}
	p.pos = len(p.s)
	return "", p.malformed()
}

// escaped reads the rest of a string that began at start and whose first
// backslash is next.
func (p *Scanner) escaped(start int) (string, error) {
	var b strings.Builder
	for {
		b.WriteString(p.s[start:p.pos])
		if err := p.escape(&b); err != nil {
			return "", err
		}
		start = p.pos
		for {
			if p.pos == len(p.s) || p.s[p.pos] < 0x20 {
				return "", p.malformed()
			}
			if p.s[p.pos] == '"' {
				b.WriteString(p.s[start:p.pos])
				p.pos++
				return b.String(), nil
			}
			if p.s[p.pos] == '\\' {
				break
			}
			p.pos++
		}
	}
}

// escape reads one escape (RFC 8259 §7), or two that make a surrogate pair.
func (p *Scanner) escape(b *strings.Builder) error {
	if p.pos+1 >= len(p.s) {
		p.pos = len(p.s)
		return p.malformed()
	}
	c := p.s[p.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return p.unicode(b)
	default:
		return p.malformed()
	}
	b.WriteByte(c)
	p.pos += 2
	return nil
}

func (p *Scanner) unicode(b *strings.Builder) error {
	r, ok := p.hex4(p.pos)
	if !ok {
		return p.malformed()
	}
	size := 6
	if utf16.IsSurrogate(r) {
		// hex4 is false for anything that is no escape, which leaves low at 0.
		low, _ := p.hex4(p.pos + 6)
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return p.fault(InvalidText, "The text holds half a surrogate pair.")
		}
		size = 12
	}
	b.WriteRune(r)
	p.pos += size
	return nil
}

// hex4 returns the value of the escape \uXXXX at i.
func (p *Scanner) hex4(i int) (rune, bool) {
	if len(p.s)-i < 6 || p.s[i] != '\\' || p.s[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.s[i+2 : i+6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// names is the set of one object's folded names. Small objects, the usual
// ones, need no map.
type names struct {
	few  [12]string
	n    int
	many map[string]struct{}
}

// add reports whether name was new.
func (s *names) add(name string) bool {
	if s.many == nil {
		for _, old := range s.few[:s.n] {
			if old == name {
				return false
			}
		}
		if s.n < len(s.few) {
			s.few[s.n] = name
			s.n++
			return true
		}
		s.many = make(map[string]struct{}, 2*len(s.few))
		for _, old := range s.few {
			s.many[old] = struct{}{}
		}
	}
	if _, old := s.many[name]; old {
		return false
	}
	s.many[name] = struct{}{}
	return true
}

// fold maps names that some reader might take for the same to one form: the
// classes of [strings.EqualFold], which encoding/json matches by. It allocates
// only for names that are not lower-case ASCII already.
func fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, name)
		}
	}
	return name
}

// foldRune returns the smallest rune of r's class, lower-cased if it is ASCII.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
