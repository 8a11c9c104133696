use kernel::Currency;
use proptest::prelude::*;

use super::*;

const HEADER: &str =
    "product_slug,product_name,description,category_slug,sku,variant_name,price,currency,stock,status";

fn file(lines: &str) -> Vec<u8> {
    format!("{HEADER}\n{lines}").into_bytes()
}

fn wrong(bytes: &[u8]) -> Vec<String> {
    let details = read(bytes).expect_err("the file is wrong");
    details.into_iter().map(|detail| detail.field.unwrap_or_default()).collect()
}

#[test]
fn lines_are_gathered_into_products_variants_and_prices() {
    let sheet = read(&file(
        "mug,Mug,Holds tea,kitchen/cups,MUG-R,Red,9.50,EUR,3,active\n\
         mug,Mug,Holds tea,kitchen/cups,MUG-R,Red,10.50,USD,3,active\n\
         mug,Mug,Holds tea,kitchen/cups,MUG-B,Blue,,,,active\n",
    ))
    .unwrap();
    let [mug] = sheet.products.as_slice() else { panic!("{sheet:?}") };
    assert_eq!(mug.category.iter().map(Slug::as_str).collect::<Vec<_>>(), ["kitchen", "cups"]);
    assert_eq!(mug.variants[0].prices, [Money::new(950, Currency::EUR), Money::new(1050, Currency::USD)]);
    assert_eq!((mug.variants[1].stock, mug.variants[1].prices.len()), (0, 0));
}

#[test]
fn each_mistake_is_told_with_its_line_and_column() {
    let fields = wrong(&file(
        "mug,Mug,,,MUG-R,Red,9.50,EUR,3,active\n\
         \r\n\
         Not A Slug,Mug,,,MUG-B,Blue,9;50,EUR,many,sold\n\
         \"pot\",\"Pot\n\nwith lid\",,,POT,,1,EUR,1,active\n\
         pan,Pan,,,PAN,,1,EUR\n\
         cup,Cup,,,CUP,,1,XXX,1,active\n",
    ));
    assert_eq!(
        fields,
        [
            "line 4, column 1 (product_slug)",
            "line 4, column 10 (status)",
            "line 4, column 9 (stock)",
            "line 4, column 7 (price)",
            // The name's line break is a control character.
            "line 5, column 2 (product_name)",
            "line 8, column 9",
            "line 9, column 8 (currency)",
        ]
    );
}

#[test]
fn lines_are_counted_alike_whatever_ends_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text =
            format!("{HEADER}{end}mug,Mug,,,M,,1,EUR,1,active{end}{end}pot,Pot,,,P,,x,EUR,1,active{end}");
        assert_eq!(wrong(text.as_bytes()), ["line 4, column 7 (price)"], "{end:?}");
    }
}

#[test]
fn what_lines_say_of_one_product_must_agree() {
    let fields = wrong(&file(
        "mug,Mug,,,MUG-R,Red,9.50,EUR,3,active\n\
         mug,Cup,,,MUG-B,Blue,9.50,EUR,3,draft\n\
         mug,Mug,,,MUG-R,Rosy,9.50,EUR,3,active\n\
         pot,Pot,,,MUG-R,Red,9.50,EUR,3,active\n",
    ));
    assert_eq!(
        fields,
        [
            "line 3, column 2 (product_name)",
            "line 3, column 10 (status)",
            "line 4, column 6 (variant_name)",
            "line 4, column 8 (currency)",
            "line 5, column 5 (sku)",
        ]
    );
}

#[test]
fn a_wrong_header_is_refused_by_name() {
    assert_eq!(wrong(b""), ["line 1, column 1"]);
    let text = format!("{HEADER},colour,sku\n");
    assert_eq!(wrong(text.as_bytes()), ["line 1, column 11", "line 1, column 12"]);
    let missing = read(b"sku,price").unwrap_err();
    assert_eq!(missing.len(), 8, "{missing:?}");
}

#[test]
fn a_quote_that_is_never_closed_and_bytes_that_are_no_text_are_found() {
    assert_eq!(
        wrong(&file("mug,Mug,,,M,,1,EUR,1,active\npot,\"Pot,,,P,,1,EUR,1,active\n")),
        ["line 3, column 2"]
    );
    let mut bytes = file("mug,");
    bytes.extend_from_slice(b"M\xffg,,,M,,1,EUR,1,active\n");
    assert_eq!(wrong(&bytes), ["line 2, column 2 (product_name)"]);
}

#[test]
fn a_thoroughly_wrong_file_gives_a_bounded_answer() {
    let lines = "x,,,,,,y,EUR,z,w\n".repeat(500);
    assert_eq!(wrong(&file(&lines)).len(), MOST_PROBLEMS);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        name in "[a-zà-ž\"',; ]{0,20}[a-z]", description in "([ -~à-ž]|\n){0,60}", amount in 0_i64..1_000_000,
        stock in 0_i64..1000,
    ) {
        let line = Line {
            product_slug: "thing",
            product_name: name.trim(),
            description: description.trim(),
            category: "a/b",
            sku: "T-1",
            variant_name: "",
            price: Some(Money::new(amount, Currency::EUR)),
            stock,
            status: ProductStatus::Draft,
            variant_status: VariantStatus::Archived,
            image_url: "/x.svg",
        };
        let mut writer = SheetWriter::new().unwrap();
        writer.line(line).unwrap();
        let sheet = read(&writer.finish().unwrap()).unwrap();
        let product = &sheet.products[0];
        prop_assert_eq!(&product.name, &Name::parse(&name).unwrap());
        prop_assert_eq!(&product.description, &Description::parse(&description).unwrap());
        prop_assert_eq!(product.variants[0].prices[0].amount, amount);
        prop_assert_eq!(product.variants[0].stock, stock);
        prop_assert_eq!(product.variants[0].status, Some(VariantStatus::Archived));
    }

    #[test]
    fn no_file_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), lines in "[a-z,\"\r\n0-9]{0,200}") {
        drop(read(&bytes));
        drop(read(&file(&lines)));
    }
}
