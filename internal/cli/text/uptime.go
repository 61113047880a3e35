package text

import (
	"fmt"
	"time"
)

// Uptime is a time in the form of kd, to the millisecond: 26 days 4:57:14.712. It is
// "" for 0, which is not known.
func Uptime(d time.Duration) string {
	ms := d.Milliseconds()
	if ms == 0 {
		return ""
	}
	s := ms / 1000
	return fmt.Sprintf("%d days %d:%02d:%02d.%03d", s/86400, s/3600%24, s/60%60, s%60, ms%1000)
}
