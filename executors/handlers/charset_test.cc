#include "executors/handlers/charset.h"

#include <string>

#include "gtest/gtest.h"

namespace remuda {
namespace {

TEST(CharsetTest, TheHeaderWinsOverThePage) {
  const std::string page = "<meta charset=utf-8>\xe9";
  EXPECT_EQ(PageToUtf8(page, "text/html; charset=\"latin1\""),
            "<meta charset=utf-8>\xc3\xa9");
  EXPECT_EQ(PageToUtf8(page, "text/html"), page);
}

TEST(CharsetTest, MetaInEitherForm) {
  const std::string end = "\"> \xa4";
  EXPECT_EQ(PageToUtf8("<META charset=\"iso-8859-15" + end, ""),
            "<META charset=\"iso-8859-15\"> \xe2\x82\xac");
  const std::string older =
      "<meta http-equiv=content-type content=\"text/html; charset=iso-8859-15";
  EXPECT_EQ(PageToUtf8(older + end, ""), older + "\"> \xe2\x82\xac");
}

TEST(CharsetTest, ByteOrderMarks) {
  EXPECT_EQ(PageToUtf8("\xEF\xBB\xBFx", "text/html; charset=latin1"), "x");
  EXPECT_EQ(PageToUtf8(std::string("\xFF\xFEx\0", 4), ""), "x");
  EXPECT_EQ(PageToUtf8(std::string("\xFE\xFF\0x", 4), ""), "x");
}

TEST(CharsetTest, BytesThatCannotBeConverted) {
  EXPECT_EQ(PageToUtf8("a\xff\xff", "text/html; charset=euc-jp"),
            "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(PageToUtf8("a\xff", "text/html; charset=no-such"), "a\xff");
}

TEST(CharsetTest, Utf8) {
  EXPECT_TRUE(IsUtf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8e"));
  for (const char* bad : {"\xc3", "\x80", "\xc0\xaf", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xe2\x82", "\xff"}) {
    EXPECT_FALSE(IsUtf8(bad));
    for (const char* before : {"1234567", "12345678", "1234567\xc3\xa9"}) {
      EXPECT_TRUE(IsUtf8(before));
      EXPECT_FALSE(IsUtf8(std::string(before) + bad));
      EXPECT_FALSE(IsUtf8(std::string(before) + bad + "12345678"));
    }
  }
  EXPECT_EQ(RepairUtf8("a\xffz"), "a\xEF\xBF\xBDz");
}

}  // namespace
}  // namespace remuda
