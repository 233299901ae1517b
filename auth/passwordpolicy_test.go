package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aegis-auth/aegis/auth/problem"
)

func TestCheckPasswordForm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		password string
		min      int
		code     string // "" if accepted
	}{
		{"the one of the quick start", "secure123", 8, ""},
		{"the one of the reset example", "newpassword1", 8, ""},
		{"empty", "", 8, "too_short"},
		{"7 letters", "xkvmqpz", 8, "too_short"},
		{"8 letters", "xkvmqpzj", 8, ""},
		{"7 emoji are 28 bytes", strings.Repeat("🔑", 7), 8, "too_short"},
		{"8 emoji", strings.Repeat("🔑", 8), 8, ""},
		{"14 letters of 15", "xkvmqpzjxkvmqp", 15, "too_short"},
		{"15 letters of 15", "xkvmqpzjxkvmqpz", 15, ""},
		{"64 emoji", strings.Repeat("🔑", 64), 8, ""},
		{"256 letters", strings.Repeat("x", 256), 8, ""},
		{"257 letters", strings.Repeat("x", 257), 8, "too_long"},
		{"256 emoji are 1024 bytes", strings.Repeat("🔑", 256), 8, ""},
		{"257 emoji", strings.Repeat("🔑", 257), 8, "too_long"},
		{"a megabyte", strings.Repeat("x", 1<<20), 8, "too_long"},
		{"spaces and letters", "     a b c d e f     ", 8, ""},
		{"only spaces", strings.Repeat(" ", 20), 8, ""},
		{"no letters", "%&/()=?!§$", 8, ""},
		{"Han", "正しい馬電池ホチキス", 8, ""},
		{"Arabic with marks", "كلمة السِّر", 8, ""},
		{"joined emoji", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 8, ""},
		{"NUL", "secure\x00123", 8, "invalid_characters"},
		{"line feed", "secure123\n", 8, "invalid_characters"},
		{"tab", "secure\t123", 8, "invalid_characters"},
		{"delete", "secure123\x7f", 8, "invalid_characters"},
		{"C1 control", "secure123\u0085", 8, "invalid_characters"},
		{"replacement character", "secure123\ufffd", 8, "invalid_characters"},
		{"invalid UTF-8", "secure123\xff", 8, "invalid_characters"},
		{"encoded surrogate", "secure123\xed\xa0\x80", 8, "invalid_characters"},
		{"common", "password1", 8, "too_common"},
		{"common with capitals", "PassWord1", 8, "too_common"},
		{"a row of keys", "qwertyuiop", 8, "too_common"},
		{"digits", "12345678", 8, "too_common"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, checkPassword(tt.password, tt.min), tt.password, tt.code)
		})
	}
}

func expectCode(t *testing.T, fields []problem.Field, password, code string) {
	t.Helper()
	got := ""
	if len(fields) > 0 {
		got = fields[0].Code
		if fields[0].Name != "password" || fields[0].Detail == "" || len(fields) != 1 {
			t.Errorf("fields = %+v, want one of password, with a detail", fields)
		}
		if len(password) >= 4 && strings.Contains(fmt.Sprint(fields), password) {
			t.Errorf("fields repeat the password: %+v", fields)
		}
	}
	if got != code {
		t.Errorf("checkPassword(%.40q) = %q, want %q", password, got, code)
	}
}

func TestCheckPasswordContext(t *testing.T) {
	t.Parallel()
	const (
		service = "Example Cloud"
		email   = "alice.smith90@wonderland.example.com"
		name    = "Alice Liddell-Smith"
	)
	refused := []string{
		"alice.smith90@wonderland.example.com", // the address itself
		"ALICE.SMITH90@wonderland.example.com",
		"alicesmith90",
		"alice.smith",
		"alice1234",
		"Alice2024!",
		"!!!alice!!!",
		"2024smith",
		"smith90smith90",
		"alicealice",
		"liddell1",
		"Alice Liddell-Smith",
		"AliceLiddellSmith",
		"Wonderland1",
		"wonderland.example.com",
		"example2024",
		"examplecloud",
		"ExampleCloud!1",
		"alice-example-99",
	}
	accepted := []string{
		"secure123",
		"newpassword1",
		"alice likes tea",
		"wonderlandwalk",
		"malice1234",
		"alicia-1990",
		"smithereens",
		"exemplary",
		"correct horse battery staple",
		"com.com.com.com", // parts below four letters are no words
		"9090909090909",
	}
	for _, p := range refused {
		t.Run("refuses "+p, func(t *testing.T) {
			t.Parallel()
			expectCode(t, checkPassword(p, 8, service, email, name), p, "too_similar")
		})
	}
	for _, p := range accepted {
		t.Run("accepts "+p, func(t *testing.T) {
			t.Parallel()
			expectCode(t, checkPassword(p, 8, service, email, name), p, "")
		})
	}
}

func TestCheckPasswordContextEdges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, password string
		known          []string
		code           string
	}{
		{"no context", "alice1990", nil, ""},
		{"empty context", "alice1990", []string{"", "", ""}, ""},
		{"the quick start's own", "secure123", []string{"localhost", "test@example.com", ""}, ""},
		{"the address of the quick start", "test@example.com", []string{"localhost", "test@example.com", ""}, "too_similar"},
		{"a number as name", "5551234567", []string{"5551234567@example.com"}, "too_similar"},
		{"other digits", "5551234568", []string{"5551234567@example.com"}, ""},
		{"short parts make a whole", "Bo Li 1234", []string{"Bo Li"}, "too_similar"},
		{"three letters are no word", "bob19734", []string{"Bob"}, ""},
		{"folded beyond ASCII", "ЖЕНЯ2024", []string{"Женя"}, "too_similar"},
		{"Han name of four", "山田太郎2024", []string{"山田太郎"}, "too_similar"},
		{"a name full of signs", "!!!!!!!!!!!!", []string{"!!!!"}, ""},
		{"a very long name is no word", strings.Repeat("ab", 100), []string{strings.Repeat("ab", 10_000)}, ""},
		{"overlapping words", "marianne1", []string{"Maria Anne Marianne"}, "too_similar"},
		{"longest match is not taken blindly", "annakbells", []string{"Annakb Anna Kbells"}, "too_similar"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			expectCode(t, checkPassword(tt.password, 8, tt.known...), tt.password, tt.code)
		})
	}
}

func TestContextWordsAreBounded(t *testing.T) {
	t.Parallel()
	words := contextWords([]string{strings.Repeat("word ", 500)})
	if len(words) > maxContextWords {
		t.Errorf("contextWords = %d words, want at most %d", len(words), maxContextWords)
	}
}

func TestPasswordHook(t *testing.T) {
	t.Parallel()
	refusal := &problem.Error{Status: http.StatusUnprocessableEntity, Code: "breached", Detail: "Known from a leak."}
	broken := errors.New("no route to host")
	tests := []struct {
		name    string
		hook    func(context.Context) error
		refused bool
		failed  bool
		took    time.Duration
	}{
		{"accepts", func(context.Context) error { return nil }, false, false, 0},
		{"refuses", func(context.Context) error { return refusal }, true, false, 0},
		{"refuses with a wrapped problem", func(context.Context) error { return fmt.Errorf("check: %w", refusal) }, true, false, 0},
		{"fails", func(context.Context) error { return broken }, false, true, 0},
		{"waits for its context", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, false, true, time.Second},
		{"hangs", func(context.Context) error { time.Sleep(time.Minute); return refusal }, false, true, time.Second},
		{"answers just in time", func(context.Context) error { time.Sleep(999 * time.Millisecond); return refusal }, true, false, 999 * time.Millisecond},
		{"panics", func(context.Context) error { panic("canary-password") }, false, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				before := time.Now()
				got, failed := runPasswordHook(t.Context(), tt.hook)
				if (got != nil) != tt.refused || (failed != nil) != tt.failed {
					t.Errorf("runPasswordHook = %v, %v, want refused %v, failed %v", got, failed, tt.refused, tt.failed)
				}
				if failed != nil && strings.Contains(failed.Error(), "canary") {
					t.Errorf("the error repeats the panic: %v", failed)
				}
				if took := time.Since(before); took != tt.took {
					t.Errorf("runPasswordHook took %v, want %v", took, tt.took)
				}
				time.Sleep(time.Hour) // a check that hangs ends before its bubble does
			})
		})
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("secure123", "test@example.com", "Test User")
	f.Add("alice1990", "alice@example.com", "Alice")
	f.Add("\xff\xfe", "\xff", "\xfe")
	f.Add("İstanbul1", "istanbul@example.com", "İstanbul")
	f.Fuzz(func(t *testing.T, password, email, name string) {
		fields := checkPassword(password, 8, "Service", email, name)
		if len(fields) == 0 && !hashable(password) {
			t.Errorf("checkPassword(%q) accepts what cannot be hashed", password)
		}
		// A password that is a word of the context is never accepted.
		for _, w := range contextWords([]string{email, name}) {
			if len(checkPassword(w+"1234", 8, email, name)) == 0 {
				t.Errorf("checkPassword(%q + 1234) accepts a word of %q and %q", w, email, name)
			}
		}
	})
}
