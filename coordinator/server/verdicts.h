#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/store/reader.h"
#include "jobs/verdict/verdict_json.h"
#include "wire/client_messages.h"

namespace remuda {

// Joins what the store knows of work with what its job types may run on, and
// asks for the verdict. What the verdict is, is decided in jobs/verdict/.
//
// Errors: NotFound if there is no such job of that owner; the reader's.

// What is known of one job, by size of agents: one entry at least.
absl::StatusOr<std::vector<JudgedWork>> JudgeJob(
    StoreReader& reader, JobId job, const StoreReader::Owner& owner);

// The answer: of one job, or of all kinds of work, those first of which a
// change would gain most, then those of which nothing is certain. What does
// not fit into a message is left out, the best last.
absl::StatusOr<Verdicts> ReadVerdicts(StoreReader& reader,
                                      const GetVerdicts& request,
                                      const StoreReader::Owner& owner);

}  // namespace remuda
