#pragma once

#include <string>
#include <type_traits>

// For errors of the programmer, never for input, network or disk. Stays on in
// release builds. Prints file, line and condition, then aborts.
#define CHECK(condition)        \
  (static_cast<bool>(condition) \
       ? void(0)                \
       : ::remuda::check_internal::Fail(__FILE__, __LINE__, #condition))

// The same for an absl::Status or StatusOr that cannot fail; prints it.
#define CHECK_OK(expression)                                      \
  do {                                                            \
    const auto& check_ok_status = (expression);                   \
    if (!check_ok_status.ok()) {                                  \
      ::remuda::check_internal::Fail(                             \
          __FILE__, __LINE__, #expression,                        \
          ::remuda::check_internal::StatusText(check_ok_status)); \
    }                                                             \
  } while (false)

#define CHECK_EQ(a, b) REMUDA_CHECK_COMPARE(==, a, b)
#define CHECK_NE(a, b) REMUDA_CHECK_COMPARE(!=, a, b)
#define CHECK_LT(a, b) REMUDA_CHECK_COMPARE(<, a, b)
#define CHECK_LE(a, b) REMUDA_CHECK_COMPARE(<=, a, b)
#define CHECK_GT(a, b) REMUDA_CHECK_COMPARE(>, a, b)
#define CHECK_GE(a, b) REMUDA_CHECK_COMPARE(>=, a, b)

// Prints both values too where they are numbers.
#define REMUDA_CHECK_COMPARE(operation, a, b)                         \
  do {                                                                \
    const auto& check_left = (a);                                     \
    const auto& check_right = (b);                                    \
    if (!(check_left operation check_right)) {                        \
      ::remuda::check_internal::Fail(                                 \
          __FILE__, __LINE__, #a " " #operation " " #b,               \
          ::remuda::check_internal::ValueText(check_left) + " and " + \
              ::remuda::check_internal::ValueText(check_right));      \
    }                                                                 \
  } while (false)

namespace remuda::check_internal {

[[noreturn]] void Fail(const char* file, int line, const char* condition);
[[noreturn]] void Fail(const char* file, int line, const char* condition,
                       const std::string& detail);

template <typename T>
std::string ValueText(const T& value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else {
    return "(a value)";
  }
}

template <typename T>
std::string StatusText(const T& status) {
  if constexpr (requires { status.status(); }) {
    return status.status().ToString();
  } else {
    return status.ToString();
  }
}

}  // namespace remuda::check_internal
