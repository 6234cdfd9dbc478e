#include "executors/handlers/html_excerpt.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace remuda {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr std::string_view kBlanks = " \t\n\f\r";

// Elements whose content is text up to their own end tag.
constexpr auto kTextElements =
    std::to_array<std::string_view>({"script", "style", "textarea", "title",
                                     "xmp", "iframe", "noembed", "noframes"});

// HTML elements that end an unfinished <svg> or <math>.
constexpr auto kLeaveForeign = std::to_array<std::string_view>(
    {"b",      "big",    "blockquote", "body",    "br",    "center", "code",
     "dd",     "div",    "dl",         "dt",      "em",    "embed",  "h1",
     "h2",     "h3",     "h4",         "h5",      "h6",    "head",   "hr",
     "i",      "img",    "li",         "listing", "menu",  "meta",   "nobr",
     "ol",     "p",      "pre",        "ruby",    "s",     "small",  "span",
     "strong", "strike", "sub",        "sup",     "table", "tt",     "u",
     "ul",     "var"});

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool Equal(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(),
                    [](char x, char y) { return Lower(x) == y; });
}

template <typename Names>
bool IsAny(std::string_view name, const Names& names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view one) { return Equal(name, one); });
}

class Excerpt {
 public:
  explicit Excerpt(std::string_view page) : page_(page) {}

  std::string Take() {
    while ((at_ = page_.find('<', at_)) != kNone && at_ + 1 < page_.size()) {
      const char next = page_[at_ + 1];
      if (IsLetter(next)) {
        StartTag();
      } else if (next == '/' && at_ + 2 < page_.size() &&
                 IsLetter(page_[at_ + 2])) {
        EndTag();
      } else if (next == '!') {
        Declaration();
      } else if (next == '?' || next == '/') {
        SkipPast(">", at_ + 1);
      } else {
        ++at_;  // a plain less-than sign
      }
    }
    return std::move(out_);
  }

 private:
  void SkipPast(std::string_view end, size_t from) {
    const size_t found = page_.find(end, from);
    at_ = found == kNone ? page_.size() : found + end.size();
  }

  void Declaration() {
    if (page_.substr(at_, 4) == "<!--") {
      const std::string_view rest = page_.substr(at_ + 4);
      if (rest.starts_with(">") || rest.starts_with("->")) {
        return SkipPast(">", at_ + 4);
      }
      // Also `--!>`, and the dashes may be those that open it.
      size_t end = at_ + 4;
      while ((end = page_.find("--", end)) != kNone) {
        if (page_.substr(end, 3) == "-->" || page_.substr(end, 4) == "--!>") {
          return SkipPast(">", end);
        }
        ++end;
      }
      at_ = page_.size();
    } else if (foreign_ > 0 && page_.substr(at_, 9) == "<![CDATA[") {
      SkipPast("]]>", at_ + 9);
    } else {
      SkipPast(">", at_ + 2);
    }
  }

  // After the name, at_ is behind the tag, or at the end of an unfinished one.
  std::string_view TagName(size_t from) {
    const size_t end =
        std::min(page_.find_first_of(" \t\n\f\r/>", from), page_.size());
    at_ = end;
    return page_.substr(from, end - from);
  }

  // False if the page ends first. A quote counts only where a value begins.
  bool Attributes() {
    while (true) {
      at_ = page_.find_first_not_of(" \t\n\f\r/", at_);
      if (at_ == kNone) break;
      if (page_[at_] == '>') return ++at_, true;
      at_ = page_.find_first_of(" \t\n\f\r/>=", at_ + 1);
      if (at_ == kNone) break;
      const size_t equals = page_.find_first_not_of(kBlanks, at_);
      if (equals == kNone) break;
      if (page_[equals] != '=') continue;
      at_ = page_.find_first_not_of(kBlanks, equals + 1);
      if (at_ == kNone) break;
      const char quote = page_[at_];
      if (quote == '"' || quote == '\'') {
        at_ = page_.find(quote, at_ + 1);
        if (at_ == kNone) break;
        ++at_;
      } else if (quote != '>') {
        at_ = page_.find_first_of(" \t\n\f\r>", at_);
        if (at_ == kNone) break;
      }
    }
    at_ = page_.size();
    return false;
  }

  void StartTag() {
    const std::string_view name = TagName(at_ + 1);
    const size_t begin = at_;
    if (!Attributes()) return;
    const std::string_view attributes = page_.substr(begin, at_ - 1 - begin);
    if (Equal(name, "svg") || Equal(name, "math")) {
      if (!attributes.ends_with("/")) ++foreign_;
      return;
    }
    if (foreign_ > 0) {
      if (!IsAny(name, kLeaveForeign)) return;
      foreign_ = 0;
    }
    if (Equal(name, "a") || Equal(name, "area")) {
      Keep("<area", attributes);
    } else if (Equal(name, "base")) {
      Keep("<base", attributes);
    } else if (Equal(name, "plaintext")) {
      at_ = page_.size();
    } else if (IsAny(name, kTextElements)) {
      const std::string_view text = TextUntilEndOf(name);
      if (Equal(name, "title") && !has_title_) {
        has_title_ = true;
        out_.append("<title>").append(text).append("</title>");
      }
    }
  }

  void EndTag() {
    const std::string_view name = TagName(at_ + 2);
    Attributes();
    if (foreign_ > 0 && (Equal(name, "svg") || Equal(name, "math"))) {
      --foreign_;
    }
  }

  void Keep(std::string_view tag, std::string_view attributes) {
    if (attributes.size() < 4) return;  // without a href
    out_.append(tag).append(attributes).append(">");
  }

  std::string_view TextUntilEndOf(std::string_view name) {
    const size_t begin = at_;
    size_t end = begin;
    while ((end = page_.find("</", end)) != kNone) {
      const std::string_view rest = page_.substr(end + 2);
      if (rest.size() > name.size() &&
          (kBlanks.find(rest[name.size()]) != kNone ||
           rest[name.size()] == '/' || rest[name.size()] == '>') &&
          std::equal(name.begin(), name.end(), rest.begin(),
                     [](char x, char y) { return Lower(x) == Lower(y); })) {
        at_ = end;  // the end tag itself is read next
        return page_.substr(begin, end - begin);
      }
      end += 2;
    }
    at_ = page_.size();
    return page_.substr(begin);
  }

  const std::string_view page_;
  size_t at_ = 0;
  size_t foreign_ = 0;  // open <svg> and <math>
  bool has_title_ = false;
  std::string out_;
};

}  // namespace

std::string HtmlExcerpt(std::string_view page) { return Excerpt(page).Take(); }

}  // namespace remuda
