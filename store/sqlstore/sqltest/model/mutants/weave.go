package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
)

// Most mutants change the body of one function. Those are compiled into one program,
// each behind a condition on an environment variable, so that tests are compiled
// once for all of them instead of once for each:
//
//	func (s *Session) Live(now time.Time) bool {
//		if mutantOn == "7" {
//			return s.RevokedAt.IsZero()
//		}
//		return s.RevokedAt.IsZero() && now.Before(s.ExpiresAt)
//	}
const mutantEnv = "AEGIS_MUTANT"

// switchFile returns the file that says which mutant is on.
func switchFile(pkg string) string {
	return "package " + pkg + "\n\nimport \"os\"\n\nvar mutantOn = os.Getenv(\"" + mutantEnv + "\")\n"
}

// weave returns text, the file of the mutants with these numbers, with all of them
// in it, and the numbers of those that it cannot take in: what they change is not
// the body of one function.
func weave(text string, numbers []int) (woven, pkg string, left []int, err error) {
	file, bodies, err := parseBodies(text)
	if err != nil {
		return "", "", nil, err
	}
	added := make([]string, len(bodies))
	table := all()
	for _, n := range numbers {
		changed, err := table[n-1].apply(text)
		if err != nil {
			return "", "", nil, err
		}
		_, after, err := parseBodies(changed)
		if err != nil {
			return "", "", nil, err
		}
		i := slices.IndexFunc(bodies, func(b body) bool {
			rest := len(text) - b.end
			return len(changed)-rest > b.start && changed[:b.start] == text[:b.start] && changed[len(changed)-rest:] == text[b.end:]
		})
		if i < 0 || len(after) != len(bodies) || bodies[i].labels {
			left = append(left, n)
			continue
		}
		inner := changed[bodies[i].start:after[i].end]
		if !bodies[i].results {
			inner += "\nreturn"
		}
		added[i] += fmt.Sprintf("\nif mutantOn == %q {%s\n}\n", strconv.Itoa(n), inner)
	}
	for i := len(bodies) - 1; i >= 0; i-- {
		text = text[:bodies[i].start] + added[i] + text[bodies[i].start:]
	}
	return text, file.Name.Name, left, nil
}

// body is what stands between the braces of a function.
type body struct {
	start, end int
	results    bool
	labels     bool // of which no function may have two
}

func parseBodies(text string) (*ast.File, []body, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	var bodies []body
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		b := body{start: fset.Position(f.Body.Lbrace).Offset + 1, end: fset.Position(f.Body.Rbrace).Offset, results: f.Type.Results != nil}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			_, label := n.(*ast.LabeledStmt)
			b.labels = b.labels || label
			return true
		})
		bodies = append(bodies, b)
	}
	return file, bodies, nil
}

// weaveAll puts the mutants with these numbers into the copy, as far as they can be,
// and notes which.
func (l *lab) weaveAll(numbers []int) error {
	byFile := make(map[string][]int)
	for _, n := range numbers {
		byFile[all()[n-1].file] = append(byFile[all()[n-1].file], n)
	}
	for name, numbers := range byFile {
		text, err := l.read(name)
		if err != nil {
			return err
		}
		woven, pkg, left, err := weave(text, numbers)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(left) == len(numbers) {
			continue
		}
		l.plain[name] = text
		for _, n := range numbers {
			l.woven[n] = !slices.Contains(left, n)
		}
		if err := l.write(name, woven); err != nil {
			return err
		}
		if err := l.write(filepath.Join(filepath.Dir(name), "zz_mutant_on.go"), switchFile(pkg)); err != nil {
			return err
		}
	}
	return nil
}
