package sqlstore

import (
	"bytes"
	"sync"

	"github.com/aegis-auth/aegis/store"
)

// maxKnown bounds how many rows are remembered, each of less than a kilobyte.
const maxKnown = 4096

// known remembers rows as rotations left them, for MySQL, which cannot return the
// row that an UPDATE changed: whoever knows what the row was need not read it first.
// What is remembered is never trusted. The UPDATE holds to all of it that can
// change, and changes nothing if any of it did.
type known struct {
	mu   sync.Mutex
	rows map[string]*store.Session
}

// take returns the row whose live hash is old, and forgets it.
func (k *known) take(id string, old []byte) *store.Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.rows[id]
	delete(k.rows, id)
	if s == nil || !bytes.Equal(s.Hash, old) {
		return nil
	}
	return s
}

// put remembers a copy of s, without the secrets it is of no use for.
func (k *known) put(s *store.Session) {
	c := *s
	c.Hash, c.PrevHash, c.Sealed = bytes.Clone(s.Hash), nil, nil
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rows == nil {
		k.rows = make(map[string]*store.Session)
	}
	if len(k.rows) >= maxKnown {
		for id := range k.rows { // whichever comes first
			delete(k.rows, id)
			break
		}
	}
	k.rows[c.ID] = &c
}
