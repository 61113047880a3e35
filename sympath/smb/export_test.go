package smb

import "time"

// SetTimeouts changes how long a client waits for answers from now on; nobody
// may use it meanwhile.
func SetTimeouts(c *Client, d time.Duration) { c.cfg.Timeout, c.cfg.ConnectTimeout = d, d }
