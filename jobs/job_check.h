#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "jobs/job.h"

namespace remuda {

inline constexpr uint32_t kRetryAttemptsMax = 1000;
inline constexpr size_t kLabelsMax = 64;
inline constexpr size_t kLabelBytesMax = 256;  // of a label's name or value
inline constexpr size_t kAxesMax = 32;
inline constexpr uint32_t kCpusMax = 1024;
inline constexpr uint64_t kMemoryBytesMin = uint64_t{1} << 20;
inline constexpr uint64_t kMemoryBytesMax = uint64_t{1} << 50;

// The rule for names of jobs and queues, and how errors state it.
bool IsName(std::string_view text);
inline constexpr std::string_view kNameRule =
    "a name has 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins and ends "
    "with a letter or digit";

// The rule for the names of matrix axes: they are written in templates.
bool IsAxisName(std::string_view text);
inline constexpr std::string_view kAxisNameRule =
    "an axis has 1 to 63 letters, digits, '_' and '-', does not begin with "
    "'-', and is not 'item' or 'index'";

// Whether every value of a job lies in its range. The spec's parser says the
// same with positions; this is for jobs that come over the wire. Types,
// parameters and executors are looked at elsewhere.
// Errors: InvalidArgument names the member.
absl::Status CheckJob(const Job& job);

}  // namespace remuda
