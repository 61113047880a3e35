package fsx

// ReadWhole lets tests use a small limit.
var ReadWhole = readWhole
