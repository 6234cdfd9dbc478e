#pragma once

namespace remuda {

// Of this build; CHANGELOG.md says what each brought.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace remuda
