#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "jobs/verdict/evidence.h"

namespace remuda {

// Evidence as the store keeps it and programs read it: a JSON object of which
// what nobody knows is left out. Numbers keep their value.
std::string EvidenceToJson(const Evidence& evidence);

// Members that are missing are zero, those that are not known are ignored, so
// that older and newer versions read each other's.
//
// Errors: InvalidArgument if it is no such object, or holds a number that is
//         negative or not finite.
absl::StatusOr<Evidence> EvidenceFromJson(const std::string& text);

}  // namespace remuda
