/** A record of the topic `orders`. Its key is the shop that it was placed in. */
export interface Order {
  id: string;
  cents: number;
}

/** A record of the topic `shops`, under the shop's key: the newest is the one that holds. */
export interface Shop {
  name: string;
  city: string;
}
