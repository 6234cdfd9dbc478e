#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace remuda {

// The small files by which the kernel tells of control groups. What cannot be
// read is empty.
std::string ReadGroupFile(const std::string& path);

// Overwrites; false if the kernel says no.
bool WriteGroupFile(const std::string& path, const std::string& text);

// The number behind `name` in a file of lines "name number"; 0 if none.
uint64_t NumberIn(std::string_view text, std::string_view name);

std::vector<pid_t> ReadGroupMembers(const std::string& folder);

// Kills what is in the group now; false if there was nothing.
bool KillGroupMembers(const std::string& folder);

}  // namespace remuda
