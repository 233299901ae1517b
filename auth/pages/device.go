package pages

import "strings"

// browsers and systems are looked for in this order: many browsers also name
// those they descend from.
var (
	browsers = [][2]string{
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"Vivaldi/", "Vivaldi"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"},
		{"HeadlessChrome/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
		{"curl/", "curl"}, {"Go-http-client/", "Go"}, {"python-requests/", "Python"}, {"okhttp/", "okhttp"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
	}
)

// device turns a User-Agent header into what a person calls the thing, "Firefox
// on Linux", or "" if it says nothing that is known. It is a hint for people, and
// nothing is decided by it.
func (l *language) device(userAgent string) string {
	browser, system := find(browsers, userAgent), find(systems, userAgent)
	switch {
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return l.textOr("device.on", "", browser, system)
}

func find(known [][2]string, s string) string {
	for _, k := range known {
		if strings.Contains(s, k[0]) {
			return k[1]
		}
	}
	return ""
}
