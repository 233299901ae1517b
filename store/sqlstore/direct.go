package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// directly runs a query on the driver's own connection and hands its rows to each.
//
// A sql.Rows has a goroutine beside it that waits for the context to end, so that
// rows can be held for long. Ours are read at once, and the driver heeds the
// context meanwhile; starting and ending that goroutine costs a rotation in
// PostgreSQL a fifth of its processor time.
//
// It serves drivers that keep prepared statements themselves. can is false for one
// that has no such way to query; nothing was done then.
func (c conn) directly(ctx context.Context, s *stmt, args []any, each func(row) error) (can bool, err error) {
	for range 3 { // as often as database/sql takes another connection for one that was dead already
		if can, err = c.directlyOnce(ctx, s, args, each); !errors.Is(err, driver.ErrBadConn) {
			break
		}
	}
	return can, err
}

func (c conn) directlyOnce(ctx context.Context, s *stmt, args []any, each func(row) error) (can bool, err error) {
	held, err := c.db.Conn(ctx)
	if err != nil {
		return true, err
	}
	defer held.Close()
	err = held.Raw(func(dc any) error {
		q, ok := dc.(driver.QueryerContext)
		if !ok {
			return driver.ErrSkip
		}
		values, err := driverValues(dc, args)
		if err != nil {
			return err
		}
		rows, err := q.QueryContext(ctx, s.text, values)
		if err != nil {
			return err
		}
		return readAll(rows, each)
	})
	if err == driver.ErrSkip {
		return false, nil
	}
	return true, err
}

// readAll hands each row to each, to the end.
func readAll(rows driver.Rows, each func(row) error) (err error) {
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	r := make(valueRow, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// driverValues prepares arguments as database/sql does.
func driverValues(dc any, args []any) ([]driver.NamedValue, error) {
	checker, _ := dc.(driver.NamedValueChecker)
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		v := &values[i]
		v.Ordinal, v.Value = i+1, arg
		err := driver.ErrSkip
		if checker != nil {
			err = checker.CheckNamedValue(v)
		}
		if err == driver.ErrSkip {
			v.Value, err = driver.DefaultParameterConverter.ConvertValue(arg)
		}
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	return values, nil
}

// valueRow is a row as a driver gives it. What it holds is the driver's until the
// next row, so that Scan copies.
type valueRow []driver.Value

// Scan knows the destinations that the scan functions of this package have.
func (r valueRow) Scan(dest ...any) error {
	if len(dest) != len(r) {
		return fmt.Errorf("%d columns for %d destinations", len(r), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, r[i]); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

func assign(dest any, v driver.Value) error {
	switch d := dest.(type) {
	case sql.Scanner:
		if b, ok := v.([]byte); ok {
			v = bytes.Clone(b)
		}
		return d.Scan(v)
	case *string:
		if v == nil {
			return errNull
		}
		*d = asText(v)
		return nil
	case *int64:
		n, err := asInt(v)
		*d = n
		return err
	case *bool:
		b, err := driver.Bool.ConvertValue(v)
		if err != nil {
			return err
		}
		*d = b.(bool)
		return nil
	case *[]byte:
		switch v := v.(type) {
		case nil:
			*d = nil
		case []byte:
			*d = bytes.Clone(v)
		default:
			*d = []byte(asText(v))
		}
		return nil
	}
	p := reflect.ValueOf(dest)
	if p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.String { // a store.Purpose and the like
		if v == nil {
			return errNull
		}
		p.Elem().SetString(asText(v))
		return nil
	}
	return fmt.Errorf("no way to scan into a %T", dest)
}

var errNull = errors.New("unexpected NULL")
