package authcli

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aegis-auth/aegis/auth"
)

// maxImportLine bounds one line of a file of users.
const maxImportLine = 1 << 20

// importUsers makes accounts from a file. Its columns are those of the user table
// of the Python reference: email, hashed_password (or password_hash), full_name
// (or name), is_active, is_verified, role, created_at; others are ignored.
func importUsers(c *call) error {
	words, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	rows, err := readUsers(words[0])
	if err != nil {
		return err
	}
	var created, skipped int
	var faults []string
	bar := c.progress(len(rows))
	for i, row := range rows {
		bar.at(i)
		in, err := row.user()
		if err == nil {
			_, err = c.Service.Import(c.ctx, in)
		}
		switch {
		case err == nil:
			created++
		case errors.Is(err, auth.ErrEmailTaken):
			skipped++
		case errors.Is(err, auth.ErrUnavailable) || c.ctx.Err() != nil:
			bar.done()
			return fmt.Errorf("line %d: %w; %d were made, and the file can be given again", row.line, err, created)
		default:
			faults = append(faults, fmt.Sprintf("line %d: %v", row.line, oneLine(err)))
		}
	}
	bar.at(len(rows))
	bar.done()
	if c.json {
		if err := c.printJSON(map[string]any{"created": created, "skipped": skipped, "faults": faults}); err != nil {
			return err
		}
	} else {
		for _, fault := range faults {
			fmt.Fprintln(c.Streams.Err, fault)
		}
		fmt.Fprintf(c.Out, "Created %d, skipped %d whose address has an account, refused %d\n", created, skipped, len(faults))
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d of %d lines were refused", len(faults), len(rows))
	}
	return nil
}

// userRow is one line of a file: its fields as text, by lower-case name.
type userRow struct {
	line   int
	fields map[string]string
}

func readUsers(name string) ([]userRow, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return readCSV(f)
	case ".jsonl", ".ndjson", ".json":
		return readJSONLines(f)
	}
	return nil, fmt.Errorf("%s is neither .csv nor .jsonl", name)
}

func readCSV(r io.Reader) (rows []userRow, err error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	in.FieldsPerRecord = 0
	first, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	head := make([]string, len(first))
	for i, name := range first {
		head[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		row := userRow{line, make(map[string]string, len(head))}
		for i, value := range record {
			row.fields[head[i]] = strings.TrimSpace(value)
		}
		rows = append(rows, row)
	}
}

func readJSONLines(r io.Reader) (rows []userRow, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxImportLine)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		row := userRow{n, make(map[string]string, len(object))}
		for name, value := range object {
			switch v := value.(type) {
			case nil:
			case string:
				row.fields[strings.ToLower(name)] = v
			default:
				row.fields[strings.ToLower(name)] = fmt.Sprint(v)
			}
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

func (r userRow) first(names ...string) string {
	for _, name := range names {
		if v := r.fields[name]; v != "" {
			return v
		}
	}
	return ""
}

func (r userRow) user() (in auth.Imported, err error) {
	active, err := parseBool(r.first("is_active", "active"), true)
	if err != nil {
		return in, fmt.Errorf("is_active: %w", err)
	}
	verified, err := parseBool(r.first("is_verified", "verified", "email_verified"), false)
	if err != nil {
		return in, fmt.Errorf("is_verified: %w", err)
	}
	created, err := parseTime(r.first("created_at"))
	if err != nil {
		return in, fmt.Errorf("created_at: %w", err)
	}
	return auth.Imported{
		Email: r.first("email"), Name: r.first("full_name", "name"), PasswordHash: r.first("hashed_password", "password_hash"),
		Role: r.first("role"), Verified: verified, Disabled: !active, CreatedAt: created,
	}, nil
}

func parseBool(text string, fallback bool) (bool, error) {
	switch strings.ToLower(text) {
	case "":
		return fallback, nil
	case "yes", "y":
		return true, nil
	case "no", "n":
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return b, nil
}

// parseTime reads the forms that databases and Python write.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999-07:00", "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}
