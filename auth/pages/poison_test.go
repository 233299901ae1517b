package pages

import "reflect"

// poison sets every string that comes from people or stores to s. What templates
// treat as keys and addresses of our own keeps its value.
func poison(v *View, s string) {
	v.App = s
	v.Next, v.Token, v.Failure, v.Done = s, s, s, s
	for _, m := range []map[string]string{v.Values, v.Errors} {
		for k := range m {
			m[k] = s
		}
	}
	v.Providers = append([]Provider(nil), v.Providers...)
	for i := range v.Providers {
		v.Providers[i].Name, v.Providers[i].Label = s, s
	}
	if v.Me != nil {
		me := *v.Me
		v.Me = &me
		poisonAll(reflect.ValueOf(v.Me).Elem(), s)
	}
	if v.Data != nil {
		switch v.Data.(type) {
		case VerifyData, ContinueData: // made of keys and addresses of our own
			return
		}
		data := reflect.New(reflect.TypeOf(v.Data)).Elem()
		data.Set(reflect.ValueOf(v.Data))
		poisonAll(data, s)
		v.Data = data.Interface()
	}
}

func poisonAll(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Slice:
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		v.Set(fresh)
		for i := range v.Len() {
			poisonAll(v.Index(i), s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i)
			// Status is one of ours and chooses a text; the zero time is a time.
			if !name.IsExported() || name.Name == "Status" || f.Type().String() == "time.Time" {
				continue
			}
			poisonAll(f, s)
		}
	}
}
