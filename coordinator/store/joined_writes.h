#pragma once

namespace remuda {

// The name of a file system for SQLite (sqlite3_vfs) that writes the
// write-ahead log in long pieces. SQLite writes a page and its header by a call
// each: 30 calls for a job of one task that comes alone, which so become 2 or 3
// (docs/decisions/0060-what-stands-between-a-job-and-thirty-thousand.md). All
// else goes to SQLite's own file system.
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
