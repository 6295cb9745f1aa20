package adapter

const (
	modesCount = false // access control lists decide, which the directory inherits
	lockToRead = true  // a file that somebody reads cannot be renamed over
)

// syncDir does nothing: Windows writes directory entries with the file.
func syncDir(string) error { return nil }
