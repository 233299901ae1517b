package auth

import "time"

// SetStrictWindow makes the winner of a strict rotation wait longer for racers,
// for tests on machines where requests sent at once do not arrive at once.
func SetStrictWindow(s *Service, d time.Duration) { s.strictWindow = d }
