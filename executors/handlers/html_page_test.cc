#include "executors/handlers/html_page.h"

#include <string>

#include "gtest/gtest.h"

namespace remuda {
namespace {

constexpr char kUrl[] = "http://h.test/dir/page.html?q=1#top";

HtmlPage Parse(const std::string& text, const HtmlLimits& limits = {}) {
  absl::StatusOr<HtmlPage> page = ParseHtml(text, kUrl, limits);
  EXPECT_TRUE(page.ok()) << page.status();
  return page.ok() ? *std::move(page) : HtmlPage();
}

TEST(HtmlPageTest, TitleIsTheFirstOfHtml) {
  EXPECT_EQ(Parse("<title>a</title><title>b</title>").title, "a");
  EXPECT_EQ(Parse("<svg><title>picture</title></svg><title>page</title>").title,
            "page");
  EXPECT_EQ(Parse("<!-- <title>no</title> --><TITLE lang=en>yes").title, "yes");
  EXPECT_EQ(Parse("<script>'<title>no</title>'</script>").title, std::nullopt);
  EXPECT_EQ(Parse("").title, std::nullopt);
  EXPECT_EQ(Parse("<title></title>").title, "");
}

TEST(HtmlPageTest, TitleIsDecodedAndTidy) {
  EXPECT_EQ(Parse("<title>\n  a &lt;b&gt;\t\r\n &eacute;&#33; </title>").title,
            "a <b> \xc3\xa9!");
  EXPECT_EQ(Parse("<title>a <b>bold</b></title>").title, "a <b>bold</b>");
  EXPECT_EQ(Parse("<title>1.&nbsp;Intro</title>").title, "1.\xc2\xa0Intro");
  EXPECT_EQ(Parse("<title>x\xffy</title>").title, "x\xef\xbf\xbdy");
}

TEST(HtmlPageTest, TitleIsUtf8WhateverItRefersTo) {
  // Negative in 32 bits, and then the byte 0xD8.
  EXPECT_EQ(Parse("<title>a &#x9fffffd8; z</title>").title, "a \xef\xbf\xbd z");
}

TEST(HtmlPageTest, LinksAreAbsoluteAndOnce) {
  const HtmlPage page = Parse(
      "<a href='x'>1</a><a href='../y#f'>2</a><a href='//o.test/z'>3</a>"
      "<a href='?q=2'>4</a><a href='x#other'>5</a><a href=' /sp ace?a b '>6</a>"
      "<a name=none>7</a><area href='/map'><a href='#top'>8</a>");
  EXPECT_EQ(
      page.links,
      (std::vector<std::string>{
          "http://h.test/dir/x", "http://h.test/y", "http://o.test/z",
          "http://h.test/dir/page.html?q=2", "http://h.test/sp%20ace?a%20b",
          "http://h.test/map", "http://h.test/dir/page.html?q=1"}));
}

TEST(HtmlPageTest, OnlyHttpLinks) {
  EXPECT_TRUE(Parse("<a href='mailto:a@b'>1</a><a href='javascript:x()'>2</a>"
                    "<a href='ftp://h/f'>3</a><a href='data:,x'>4</a>"
                    "<a href='http://'>5</a>")
                  .links.empty());
  EXPECT_EQ(Parse("<a href='HTTPS://H.test/x'>1</a>").links.size(), 1u);
}

TEST(HtmlPageTest, BaseChangesWhereLinksStart) {
  EXPECT_EQ(Parse("<base href='/other/'><a href=x>x</a>").links,
            std::vector<std::string>{"http://h.test/other/x"});
  EXPECT_EQ(Parse("<base href='http://b.test/'><a href=x>x</a>").links,
            std::vector<std::string>{"http://b.test/x"});
}

TEST(HtmlPageTest, LinksAreLimited) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "<a href=/" + std::to_string(i) + ">";
  }
  EXPECT_EQ(Parse(text).links.size(), 100u);
  HtmlLimits limits;
  limits.links = 0;
  EXPECT_TRUE(Parse(text, limits).links.empty());
}

std::string Deep(int levels) {
  std::string text = "<title>deep</title>";
  for (int i = 0; i < levels; ++i) text += "<div>";
  return text;
}

TEST(HtmlPageTest, DeepPagesDoNotOverflowTheStack) {
  EXPECT_EQ(Parse(Deep(500'000)).title, "deep");
}

std::string ManyLinks(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "<a href=/" + std::to_string(i) + ">";
  return text;
}

TEST(HtmlPageTest, HostilePagesAreGivenUp) {
  HtmlLimits limits;
  limits.time = Duration::zero();
  EXPECT_EQ(ParseHtml(ManyLinks(100'000), kUrl, limits).status().code(),
            absl::StatusCode::kResourceExhausted);
  limits = {};
  limits.memory_bytes = 1 << 20;
  EXPECT_EQ(ParseHtml(ManyLinks(100'000), kUrl, limits).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace remuda
