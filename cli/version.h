#pragma once

namespace remuda {

// Of this build; CHANGELOG.md says what each brought.
inline constexpr char kRemudaVersion[] = "0.1.0";

}  // namespace remuda
