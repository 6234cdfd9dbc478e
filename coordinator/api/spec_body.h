#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/api/problem.h"
#include "jobs/item_files.h"

namespace remuda {

// The most that a spec and, as parts beside it, its files may have.
inline constexpr size_t kSpecBytesMax = 1u << 20;
inline constexpr size_t kSentBytesMax = 64u << 20;

// How long a body of that type may be; 0 for a type that is not taken.
size_t SpecBodyBytesMax(const std::string& content_type);

// The jobs of a submission's body, or why it cannot be one: with the place of
// each error, as the command line has it. Reads no file. May take seconds: not
// for a loop's thread.
//
// Thread: any.
std::variant<std::vector<ResolvedJob>, Problem> ReadSpecBody(
    const std::string& body, const std::string& content_type);

}  // namespace remuda
