#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace remuda {

// A part of a text with templates in it.
struct TemplatePiece {
  enum class Kind {
    kLiteral,  // `text` as it stands
    kItem,     // {{item}}
    kIndex,    // {{index}}
    kMember,   // {{item.key}} or {{column}}
  };

  Kind kind = Kind::kLiteral;
  std::string text;  // the literal, or what stands between the braces
  // kMember: the way to the value. {{item.a.b}} leads through `a` to `b`; a
  // column is one name, dots and all.
  std::vector<std::string> path;
  bool is_column = false;  // kMember written as {{column}}
};

// Cuts a text into literals and templates; `\{{` gives a literal `{{`.
// Errors: InvalidArgument for braces that are not closed or hold no name.
absl::StatusOr<std::vector<TemplatePiece>> SplitTemplate(std::string_view text);

// True if the pieces are one template and nothing else, so that the value
// keeps the type of the item.
bool IsWholeTemplate(const std::vector<TemplatePiece>& pieces);

}  // namespace remuda
