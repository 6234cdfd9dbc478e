#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "bench/pipelined_client.h"
#include "wire/wire_context.h"

namespace remuda {

// What the programs that submit jobs one by one begin with.

// The canonical form of a job with one `noop` task.
std::string NoopJob();

// A client of that coordinator; an empty file means no key.
absl::StatusOr<std::unique_ptr<PipelinedClient>> ConnectBench(
    const std::string& coordinator, const std::string& key_file,
    WireContext& context, const Clock& clock);

// To stderr; the exit code of a program that could not measure.
int Complain(const absl::Status& status);

}  // namespace remuda
