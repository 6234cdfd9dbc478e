#pragma once

namespace remuda {

// The name of a file system for SQLite (sqlite3_vfs) that writes the
// write-ahead log in long pieces: SQLite asks for a page and its header by one
// call each, of a commit some fourteen times, and each call costs the kernel
// about as much as ten pages. All else goes to SQLite's own file system.
//
// What a commit has written is with the kernel when its last page is, as
// before, and every error is told to SQLite by a call of its own. What is held
// back before that no reader looks at: a commit becomes visible after its last
// page.
//
// Thread: any; a file is confined to its connection's, like SQLite's own.
// Lifetime: the process's. Registered with SQLite by the first call.
// Null if SQLite refuses to register it.
const char* JoinedWritesVfs();

}  // namespace remuda
