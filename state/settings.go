package state

// Setting is a named value, such as a secret that was generated at the first start.
func (t *Tx) Setting(name string) (value []byte, ok bool, err error) {
	return one(t, "setting", column[[]byte], "SELECT value FROM settings WHERE name = ?", name)
}

// PutSetting keeps a named value in place of the one it had.
func (t *Tx) PutSetting(name string, value []byte) error {
	if value == nil {
		value = []byte{} // SQLite takes nil for NULL
	}
	return t.exec("put setting", "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value)
}
