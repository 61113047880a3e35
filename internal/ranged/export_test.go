package ranged

// CloseData makes writing to a part fail, as a full disk does, and reading it work.
func CloseData(p *Part) {
	p.data.Close()
	p.data, _ = p.root.Open(p.dir + "/" + dataName)
}
