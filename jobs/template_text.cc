#include "jobs/template_text.h"

#include <utility>

namespace remuda {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

absl::Status Bad(std::string_view name, const std::string& why) {
  return absl::InvalidArgumentError("the template {{" + std::string(name) +
                                    "}} " + why);
}

absl::StatusOr<TemplatePiece> ReadName(std::string_view between) {
  const std::string_view name = Trim(between);
  if (name.empty()) {
    return Bad(between, "is empty: write {{item}}, {{index}} or {{item.key}}");
  }
  if (name.find_first_of("{}\n") != std::string_view::npos) {
    return Bad(name, "holds a brace: is a closing }} missing?");
  }
  TemplatePiece piece;
  piece.text = std::string(name);
  if (name == "item") {
    piece.kind = TemplatePiece::Kind::kItem;
    return piece;
  }
  if (name == "index") {
    piece.kind = TemplatePiece::Kind::kIndex;
    return piece;
  }
  piece.kind = TemplatePiece::Kind::kMember;
  if (name.substr(0, 5) != "item.") {
    piece.is_column = true;
    piece.path.emplace_back(name);
    return piece;
  }
  std::string_view rest = name.substr(5);
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view key = rest.substr(0, dot);
    if (key.empty()) return Bad(name, "names an empty key");
    piece.path.emplace_back(key);
    if (dot == std::string_view::npos) return piece;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace

absl::StatusOr<std::vector<TemplatePiece>> SplitTemplate(
    std::string_view text) {
  std::vector<TemplatePiece> pieces;
  std::string literal;
  const auto end_literal = [&] {
    if (literal.empty()) return;
    TemplatePiece piece;
    piece.text = std::exchange(literal, {});
    pieces.push_back(std::move(piece));
  };
  while (!text.empty()) {
    const size_t open = text.find(kOpen);
    if (open == std::string_view::npos) {
      literal += text;
      break;
    }
    if (open > 0 && text[open - 1] == '\\') {
      literal += text.substr(0, open - 1);
      literal += kOpen;
      text.remove_prefix(open + kOpen.size());
      continue;
    }
    literal += text.substr(0, open);
    text.remove_prefix(open + kOpen.size());
    const size_t close = text.find(kClose);
    if (close == std::string_view::npos) {
      return absl::InvalidArgumentError(
          "a template is opened by {{ and not closed by }}; write \\{{ for "
          "two braces that mean themselves");
    }
    absl::StatusOr<TemplatePiece> piece = ReadName(text.substr(0, close));
    if (!piece.ok()) return piece.status();
    end_literal();
    pieces.push_back(*std::move(piece));
    text.remove_prefix(close + kClose.size());
  }
  end_literal();
  return pieces;
}

bool IsWholeTemplate(const std::vector<TemplatePiece>& pieces) {
  return pieces.size() == 1 &&
         pieces.front().kind != TemplatePiece::Kind::kLiteral;
}

}  // namespace remuda
