#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "bench/latencies.h"

namespace remuda {

// What this machine does at best, with nothing of ours in between. Figures of
// Remuda stand beside these. Each blocks for about as long as it is told.
//
// Errors of all: Internal, with what the system said.
//
// Thread: any, except where it says fork.

// A 4 KiB append and an fdatasync to a file in `folder`, again and again.
absl::StatusOr<double> AppendsPerSecond(const std::string& folder,
                                        Duration how_long);

// Rows of 64 bytes into an SQLite file in `folder`, WAL, synchronous=FULL,
// `rows` to a transaction.
absl::StatusOr<double> SqliteRowsPerSecond(const std::string& folder,
                                           size_t rows, Duration how_long);

// posix_spawn of /bin/true and the wait for its end, `at_once` at a time.
absl::StatusOr<double> SpawnsPerSecond(size_t at_once, Duration how_long);

// Four hops over TCP on loopback, as a task takes them: client, broker, worker,
// broker, client, in three processes with bare ZeroMQ sockets. Forks, so call
// it before there are threads and before any ZeroMQ context.
absl::StatusOr<Latencies> RelayRoundTrips(size_t count);

}  // namespace remuda
