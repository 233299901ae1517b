package pages

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// View is what every template is executed with.
type View struct {
	App         string // Config.AppName
	CSS, JS     string // addresses of the style sheet and the browser client
	Act         string // prefix of the paths that forms post to
	Home        string // where the name of the application leads
	AfterSignIn string // Config.AfterSignIn
	Refresh     string // for the browser client: the refresh route
	Logout      string // for the browser client: the logout route

	Full     bool    // account and administration pages: bar and sections
	Nav      []Link  // the bar's links
	Lifetime int     // seconds the access token has left, for the browser client
	Me       *Person // who is signed in, or nil

	Next        string     // local path to go to afterwards, or ""
	Token       string     // from the link of a mail, or ""
	Providers   []Provider // "Continue with …"
	CanRegister bool
	MinLength   int // of a password, in characters

	Form    string            // the form that was sent, "" after a GET
	Values  map[string]string // what was typed, by "form.field"; never a password
	Errors  map[string]string // what is wrong, by "form.field", in the page's language
	Failure string            // what is wrong with the whole, in the page's language
	Again   string            // where to sign in once more, if that is what is wanted
	Done    string            // what went well

	Data any // of this page alone: AccountData, OrganizationData …

	lang    *language
	focused bool // the first field with an error has been rendered
}

// Failed reports whether the form was refused; the title then says "Error:".
func (v *View) Failed() bool { return v.Failure != "" || len(v.Errors) > 0 }

// Link is one entry of the bar. Key names its text.
type Link struct {
	Key, URL string
	Current  bool
}

// Provider is one way to sign in with an account elsewhere.
type Provider struct {
	Name, Label string
	Icon        string // "github", "google", or "" for none
	URL         string // of its start route
}

// Person is a user as pages show one.
type Person struct {
	ID, Email, Name    string
	Role               string
	Verified, Active   bool
	HasPassword        bool
	Created, LastLogin time.Time
	Deleted            time.Time // zero unless deleted
}

// Field is an input as the template "field" shows it.
type Field struct {
	ID, Name, Type, Label, Hint, Value, Error string
	Autocomplete, InputMode, Pattern          string
	Required, Optional, Multiline, Plain      bool
	Password, Strength, Focus                 bool
	MinLength, MaxLength                      int
	DescribedBy                               string
}

// Select is a choice as the template "select" shows it.
type Select struct {
	ID, Name, Label, Error, DescribedBy string
	Options                             []Option
}

// Option is one choice of a Select.
type Option struct {
	Value, Label string
	Selected     bool
}

// fields says for each name of an input what it is. Templates may change the
// autocomplete value for one place.
var fields = map[string]Field{
	"email":            {Type: "email", Autocomplete: "email", InputMode: "email", Required: true, MaxLength: 254},
	"new_email":        {Type: "email", Autocomplete: "email", InputMode: "email", Required: true, MaxLength: 254},
	"password":         {Type: "password", Autocomplete: "current-password", Required: true, Password: true},
	"current_password": {Type: "password", Autocomplete: "current-password", Required: true, Password: true},
	"new_password":     {Type: "password", Autocomplete: "new-password", Required: true, Password: true, Strength: true},
	"full_name":        {Type: "text", Autocomplete: "name", Optional: true, MaxLength: 100},
	"name":             {Type: "text", Autocomplete: "organization", Required: true, MaxLength: 100},
	"slug":             {Type: "text", Autocomplete: "off", Required: true, Plain: true, MaxLength: 63, Pattern: `[a-z0-9]([a-z0-9\-]*[a-z0-9])?`},
	"description":      {Optional: true, Multiline: true, MaxLength: 500},
	"prefix":           {Type: "search", InputMode: "email", Autocomplete: "off", Plain: true, MaxLength: 254},
	"user":             {Type: "search", Autocomplete: "off", Plain: true, MaxLength: 254},
	"since":            {Type: "date", Autocomplete: "off"},
}

// field is the template function of that name: the input called name of the
// form called form, with what was typed and what is wrong with it. Options
// are "autocomplete=…", and "label=…" to be labelled as another field.
func (l *language) field(v *View, form, name string, options ...string) (Field, error) {
	f, ok := fields[name]
	if !ok {
		return f, fmt.Errorf("there is no field %q", name)
	}
	key := form + "." + name
	f.ID, f.Name = form+"-"+name, name
	f.Value, f.Error = v.Values[key], v.Errors[key]
	if f.Password {
		f.Value = ""
	}
	var err error
	if f.Label, err = l.text("label." + name); err != nil {
		return f, err
	}
	f.Hint = l.textOr("hint."+name, "", v.MinLength)
	if f.Strength {
		f.MinLength = v.MinLength
	}
	for _, o := range options {
		switch k, value, _ := strings.Cut(o, "="); k {
		case "autocomplete":
			f.Autocomplete = value
		case "label":
			if f.Label, err = l.text("label." + value); err != nil {
				return f, err
			}
		default:
			return f, fmt.Errorf("field %q has no option %q", name, k)
		}
	}
	var by []string
	if f.Hint != "" {
		by = append(by, f.ID+"-hint")
	}
	if f.Error != "" {
		by = append(by, f.ID+"-error")
		f.Focus = !v.focused
		v.focused = true
	}
	f.DescribedBy = strings.Join(by, " ")
	return f, nil
}

// choice is the template function of that name. The option that was sent, if
// any, is the selected one.
func (l *language) choice(v *View, form, name string, options []Option) (Select, error) {
	s := Select{ID: form + "-" + name, Name: name, Error: v.Errors[form+"."+name]}
	if s.Error != "" {
		s.DescribedBy = s.ID + "-error"
	}
	sent := v.Values[form+"."+name]
	for _, o := range options {
		o.Selected = cmp.Or(sent == o.Value && sent != "", sent == "" && o.Selected)
		s.Options = append(s.Options, o)
	}
	var err error
	s.Label, err = l.text("label." + name)
	return s, err
}

// wait says a time in words, rounded up.
func (l *language) wait(d time.Duration) string {
	if d <= 90*time.Second {
		return l.textOr("problem.time.seconds", "", strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10))
	}
	return l.textOr("problem.time.minutes", "", strconv.FormatInt(int64((d+time.Minute-1)/time.Minute), 10))
}
