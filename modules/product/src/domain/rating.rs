//! Ratings: 1 to 5 stars, and their mean without floating point.

use super::text::InvalidText;

/// Stars of one review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rating(i32);

impl Rating {
    /// Takes 1 to 5.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn parse(stars: i64) -> Result<Self, InvalidText> {
        match i32::try_from(stars) {
            Ok(stars @ 1..=5) => Ok(Self(stars)),
            _ => Err(InvalidText("must be from 1 to 5".to_owned())),
        }
    }

    /// The stars.
    pub fn stars(self) -> i32 {
        self.0
    }
}

/// The mean of `count` ratings that add up to `sum`, in hundredths of a star, halves rounded up; 0 without any.
pub fn mean_in_hundredths(sum: i64, count: i64) -> i32 {
    if count <= 0 {
        return 0;
    }
    let doubled = sum.saturating_mul(200).saturating_add(count);
    i32::try_from(doubled / count.saturating_mul(2)).unwrap_or(0)
}

/// Writes hundredths as `4.50`.
pub fn format_hundredths(hundredths: i32) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The mean of `count` ratings as decimal text; none without ratings.
pub fn average(count: i64, hundredths: i32) -> Option<String> {
    (count > 0).then(|| format_hundredths(hundredths))
}

/// Reads a lower bound such as `4`, `4.5` or `4.25` as hundredths.
///
/// # Errors
/// Why it is not one.
pub fn parse_hundredths(text: &str) -> Result<i32, InvalidText> {
    let wrong = || InvalidText("must be a number from 0 to 5 with at most two decimals".to_owned());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(wrong());
    }
    let hundredths: i32 = format!("{whole}{fraction:0<2}").parse().map_err(|_not_a_number| wrong())?;
    if hundredths <= 500 { Ok(hundredths) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_rounded_to_hundredths() {
        assert_eq!(mean_in_hundredths(0, 0), 0);
        assert_eq!(mean_in_hundredths(9, 2), 450);
        assert_eq!(mean_in_hundredths(14, 3), 467);
        assert_eq!(mean_in_hundredths(13, 3), 433);
        assert_eq!(format_hundredths(405), "4.05");
    }

    #[test]
    fn bounds_are_read_as_hundredths() {
        assert_eq!(parse_hundredths("4"), Ok(400));
        assert_eq!(parse_hundredths("4.5"), Ok(450));
        assert_eq!(parse_hundredths("4.05"), Ok(405));
        for text in ["", "5.01", "-1", "4.", ".5", "4.123", "x", "4,5"] {
            assert!(parse_hundredths(text).is_err(), "{text:?}");
        }
    }
}
