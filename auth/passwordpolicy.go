package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aegis-auth/aegis/auth/problem"
)

const (
	// minPasswordLength is the least that may be configured, and the default, in
	// code points (NIST SP 800-63B-4 §3.1.1.2 asks for 8, and for 15 where the
	// password is the only factor).
	minPasswordLength = 8
	// maxPasswordLength is the most that is accepted, in code points. It stops
	// nobody who types, and few who paste.
	maxPasswordLength = 256
	// minContextWord is how long a word must be, in code points, for a password
	// to be refused for consisting of it.
	minContextWord = 4
	// maxContextWords bounds the work that a long name can cause.
	maxContextWords = 32
	// passwordHookTime is how long Passwords.Check may take.
	passwordHookTime = time.Second
)

// checkPassword says what is wrong with a new password, which has been
// normalized: nothing, if it may be used. The rules are those of NIST SP 800-63B
// §3.1.1.2: length, and no password that attackers try first. What it consists
// of, spaces and emoji included, is its owner's business.
//
// known holds what an attacker knows: the name of the service, the user's
// e-mail address, the user's name. They are given as they are; see contextWords.
// Nothing is ever cut or trimmed. No Detail repeats the password.
func checkPassword(password string, minLength int, known ...string) []problem.Field {
	if f, bad := checkPasswordForm(password, minLength); bad {
		return []problem.Field{f}
	}
	if isCommon(password) {
		return []problem.Field{passwordField("too_common", "This password is among those that are tried first. Choose another one.")}
	}
	if madeOf(foldWord(password), contextWords(known)) {
		return []problem.Field{passwordField("too_similar", "This password is little more than your name, your address or the name of this service.")}
	}
	return nil
}

func checkPasswordForm(password string, minLength int) (f problem.Field, bad bool) {
	tooLong := passwordField("too_long", fmt.Sprintf("Use at most %d characters and %d bytes.", maxPasswordLength, maxPasswordBytes))
	if len(password) > maxPasswordBytes {
		return tooLong, true
	}
	// Controls and U+FFFD are what other encodings and broken input turn into: a
	// password with them can often not be typed again. NUL means something else to
	// bcrypt, and several ill-formed strings read as the same U+FFFD.
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unusableRune) {
		return passwordField("invalid_characters", "Control characters and invalid text cannot be used."), true
	}
	switch n := utf8.RuneCountInString(password); {
	case n < minLength:
		return passwordField("too_short", fmt.Sprintf("Use at least %d characters.", minLength)), true
	case n > maxPasswordLength:
		return tooLong, true
	}
	return problem.Field{}, false
}

func passwordField(code, detail string) problem.Field {
	return problem.Field{Name: "password", Code: code, Detail: detail}
}

func unusableRune(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError
}

// contextWords returns the words of at least minContextWord code points that
// may not make up a password: each of the given texts as a whole, what stands
// between its spaces and around its @, and each of its words with and without
// the digits around it, all folded. "al.smith90@example.com" gives
// alsmith90examplecom, alsmith90, examplecom, smith90, smith and example.
func contextWords(texts []string) []string {
	var words []string
	add := func(text string) {
		w := foldWord(text)
		if utf8.RuneCountInString(w) >= minContextWord && len(words) < maxContextWords && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, text := range texts {
		if len(text) > 4*maxPasswordBytes {
			continue // no name, and no password can consist of it
		}
		add(text)
		for chunk := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '@' || unicode.IsSpace(r) }) {
			add(chunk)
		}
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !wordRune(r) }) {
			add(word)
			add(strings.TrimFunc(word, unicode.IsDigit))
		}
	}
	return words
}

// foldWord lowers s and leaves out everything but letters, marks and digits.
func foldWord(s string) string {
	return strings.Map(func(r rune) rune {
		if !wordRune(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}

// madeOf reports whether folded consists of words and digits alone, with at
// least one word: "alice1990" and "example-alice!" of alice and example, but not
// "alice likes tea".
func madeOf(folded string, words []string) bool {
	// reach[i] says how folded[:i] can be made: 0 not at all, 1 of digits alone,
	// 2 with a word in it.
	reach := make([]byte, len(folded)+1)
	reach[0] = 1
	for i, r := range folded {
		if reach[i] == 0 {
			continue
		}
		if unicode.IsDigit(r) {
			next := i + utf8.RuneLen(r)
			reach[next] = max(reach[next], reach[i])
		}
		for _, w := range words {
			if strings.HasPrefix(folded[i:], w) {
				reach[i+len(w)] = 2
			}
		}
	}
	return reach[len(folded)] == 2
}

// runPasswordHook calls the configured check of a new password, for at most
// passwordHookTime, even if the check ignores its context. It returns a refusal,
// to be shown, if the check returned a *problem.Error, and failed, to be logged,
// if it did anything else: the password is then accepted, because a check that
// asks another service must not take registration down with it.
func runPasswordHook(ctx context.Context, hook func(context.Context) error) (refusal *problem.Error, failed error) {
	ctx, cancel := context.WithTimeout(ctx, passwordHookTime)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				// The value may hold the password; its type does not.
				done <- fmt.Errorf("check of a new password panicked with a %T", v)
			}
		}()
		done <- hook(ctx)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		return nil, fmt.Errorf("check of a new password: %w", ctx.Err())
	}
	if err == nil {
		return nil, nil
	}
	if e, ok := errors.AsType[*problem.Error](err); ok && e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("check of a new password: %w", err)
}
