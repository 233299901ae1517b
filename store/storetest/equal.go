package storetest

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// same notes a mistake for every field in which got differs from want. what names
// the call that gave got.
func (t *probe) same(got, want any, what string, args ...any) {
	t.Helper()
	var d differ
	d.compare("", reflect.ValueOf(got), reflect.ValueOf(want))
	if len(d) > 0 {
		t.Errorf("%s gave %T with %s", fmt.Sprintf(what, args...), got, strings.Join(d, "; "))
	}
}

// differ collects the differences of two rows, or lists of rows. Rows are equal
// as doc.go of package store says: times are the same instant and in UTC, empty
// slices and maps are as good as nil ones, everything else is byte for byte.
type differ []string

func (d *differ) add(path string, got, want any) {
	*d = append(*d, fmt.Sprintf("%s = %s, want %s", strings.TrimPrefix(path, "."), show(got), show(want)))
}

func (d *differ) compare(path string, got, want reflect.Value) {
	if !got.IsValid() || !want.IsValid() {
		if got.IsValid() != want.IsValid() {
			d.add(path, got.IsValid(), want.IsValid())
		}
		return
	}
	if got.Type() != want.Type() {
		d.add(path, got.Type().String(), want.Type().String())
		return
	}
	switch g := got.Interface().(type) {
	case time.Time:
		w := want.Interface().(time.Time)
		if !g.Equal(w) || g.IsZero() != w.IsZero() || g.Location().String() != "UTC" {
			d.add(path, g, w)
		}
		return
	}
	switch got.Kind() {
	case reflect.Pointer, reflect.Interface:
		if got.IsNil() || want.IsNil() {
			if got.IsNil() != want.IsNil() {
				d.add(path, got.Interface(), want.Interface())
			}
			return
		}
		d.compare(path, got.Elem(), want.Elem())
	case reflect.Struct:
		for i := range got.NumField() {
			if f := got.Type().Field(i); f.IsExported() {
				d.compare(path+"."+f.Name, got.Field(i), want.Field(i))
			}
		}
	case reflect.Slice:
		if got.Type().Elem().Kind() == reflect.Uint8 {
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				d.add(path, got.Bytes(), want.Bytes())
			}
			return
		}
		if got.Len() != want.Len() {
			d.add(path+".len", got.Len(), want.Len())
			return
		}
		for i := range got.Len() {
			d.compare(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i))
		}
	case reflect.Map:
		if got.Len() != want.Len() {
			d.add(path+".len", got.Len(), want.Len())
		}
		for _, k := range want.MapKeys() {
			d.compare(fmt.Sprintf("%s[%q]", path, k), got.MapIndex(k), want.MapIndex(k))
		}
	default:
		if got.Interface() != want.Interface() {
			d.add(path, got.Interface(), want.Interface())
		}
	}
}

// show writes a value so that two that differ look different, and long ones stay
// readable.
func show(v any) string {
	var s string
	switch v := v.(type) {
	case time.Time:
		s = v.Format(time.RFC3339Nano)
		if v.Location().String() != "UTC" {
			s += " in " + v.Location().String()
		}
	case []byte:
		s = fmt.Sprintf("%x", v)
	case string:
		s = fmt.Sprintf("%q", v)
	default:
		s = fmt.Sprintf("%+v", v)
	}
	if len(s) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", s[:200], len(s))
	}
	return s
}
